#include "lib/formats/common/folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/formats/common/folder_file.h"

namespace pthview {

bool IsPlainFileName(std::string_view name) {
  if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
  return name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::vector<std::string> ListFolder(const std::string& folder) {
  constexpr size_t kMost = 100'000;
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end && names.size() < kMost;
       at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::unique_ptr<ByteSource>> OpenInFolder(const std::string& folder, std::string_view name) {
  if (!IsPlainFileName(name)) {
    return Error{.code = ErrorCode::kCorrupt,
                 .message = "'" + EscapeName(name) + "' is no plain file name, so it is not opened"};
  }
  if (IsUrl(folder)) {
    PTHVIEW_ASSIGN(Url url, ParseUrl(folder));
    return OpenUrl(Sibling(url, name));
  }
  return OpenFolderFile(folder + "/" + std::string(name));
}

}  // namespace pthview
