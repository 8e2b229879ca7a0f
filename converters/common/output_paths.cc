#include "converters/common/output_paths.h"

#include <sys/stat.h>

#include <cstdlib>
#include <memory>

namespace pthview {
namespace {

bool SameFile(int descriptor, const std::string& path) {
  struct stat open;
  struct stat named;
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

}  // namespace

std::string FolderOf(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string RealPath(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
  return resolved ? std::string(resolved.get()) : std::string();
}

std::optional<std::string> RelativeBelow(const std::string& folder, const std::string& file) {
  if (folder.empty() || file.empty()) return std::nullopt;
  std::string prefix = folder.ends_with('/') ? folder : folder + "/";
  if (!file.starts_with(prefix) || file.size() == prefix.size()) return std::nullopt;
  return file.substr(prefix.size());
}

std::string FileBehind(const ByteSource& source) {
  if (source.descriptor() < 0) return {};
  std::string path = source.real_path();
  return !path.empty() && SameFile(source.descriptor(), path) ? path : std::string();
}

Status RefuseInput(const Model& model, const std::string& output) {
  if (output == "-") return Ok();
  for (const auto& source : model.sources) {
    if (source->descriptor() < 0 || !SameFile(source->descriptor(), output)) continue;
    Error error{ErrorCode::kUsage, "the output would replace the file that is read", output};
    error.hint = "give the output another name";
    return error;
  }
  return Ok();
}

Status CheckSourcesUnchanged(const Model& model) {
  for (const auto& source : model.sources) PTHVIEW_TRY(source->CheckUnchanged());
  return Ok();
}

}  // namespace pthview
