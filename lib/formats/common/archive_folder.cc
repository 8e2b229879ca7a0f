#include "lib/formats/common/archive_folder.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/escape.h"

namespace pthview {
namespace {

// Records that tell a format, the surest first.
constexpr std::string_view kMarkers[] = {".data/extern_modules", "archive_format", "data.pkl",
                                         "model.json",           "bytecode.pkl",   "serialized_exported_program.json"};

// What macOS puts beside every file.
bool IsShadow(std::string_view name) {
  return name.starts_with("__MACOSX/") || name.find("/__MACOSX/") != std::string_view::npos;
}

// The folders that hold `marker`, each once: "" is the top, "a" for "a/data.pkl".
std::vector<std::string> FoldersOf(const ZipArchive& zip, std::string_view marker) {
  std::vector<std::string> folders;
  for (const ZipRecord& record : zip.records()) {
    if (!record.name.ends_with(marker) || IsShadow(record.name)) continue;
    std::string_view folder = record.name.substr(0, record.name.size() - marker.size());
    if (!folder.empty() && !folder.ends_with('/')) continue;
    if (!folder.empty()) folder.remove_suffix(1);
    if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.emplace_back(folder);
    if (folders.size() > 100) break;  // more than are told apart
  }
  return folders;
}

}  // namespace

std::vector<std::string> FoldersOfPickles(const ZipArchive& zip) { return FoldersOf(zip, "data.pkl"); }

void ChooseFolder(ZipArchive& zip, Findings* findings) {
  for (std::string_view marker : kMarkers) {
    if (zip.FindInPrefix(marker) != nullptr) return;
  }
  for (std::string_view marker : kMarkers) {
    const std::vector<std::string> folders = FoldersOf(zip, marker);
    if (folders.empty()) continue;
    if (folders.size() > 1) return;
    const std::string first(zip.prefix());
    zip.SetPrefix(folders[0]);
    findings->Add(
        Severity::kWarning, "zip-layout", EscapeName(folders[0]),
        fmt::format(
            "Its records stand in {}, and torch looks for them in the folder of the archive's first record ({}): "
            "it was unpacked and packed again, and torch does not load it so.",
            folders[0].empty() ? "no folder" : "`" + EscapeName(folders[0]) + "`",
            first.empty() ? "none" : "`" + EscapeName(first) + "`"));
    return;
  }
}

}  // namespace pthview
