#include "tools/install_paths.h"

#include <unistd.h>

#include <climits>

namespace pthview {
namespace {

std::string FirstThatExists(std::initializer_list<std::string> paths) {
  for (const std::string& path : paths) {
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return {};
}

}  // namespace

std::string ProgramFolder() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0 || length == sizeof(path)) return {};
  std::string folder(path, static_cast<size_t>(length));
  return folder.substr(0, folder.rfind('/'));
}

std::string FindHelper(const std::string& name) {
  std::string folder = ProgramFolder();
  return FirstThatExists({folder + "/" + name, folder + "/../libexec/" + name});
}

std::string FindShared(const std::string& name) {
  std::string folder = ProgramFolder();
  return FirstThatExists({folder + "/../share/pthview/" + name, folder + "/../share/" + name});
}

}  // namespace pthview
