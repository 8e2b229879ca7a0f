#include "plugins/host/discovery.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "lib/base/source.h"

namespace pthview::plugins {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostManifestBytes = 1 << 20;
constexpr size_t kMostFolders = 1000;  // in one folder of the search path

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string ProgramFolder() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0 || length == sizeof(path)) return {};
  return fs::path(std::string_view(path, static_cast<size_t>(length))).parent_path().string();
}

// A file that everybody may change would run with the rights of whoever opens a checkpoint.
bool AnyoneMayWrite(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0;
}

Plugin ReadPlugin(const std::string& folder) {
  Plugin plugin{.folder = folder};
  std::string path = folder + "/plugin.json";
  auto fail = [&](std::string text) {
    plugin.problem = std::move(text);
    return plugin;
  };
  auto file = OpenFile(path);
  if (!file) return fail(file.error().message);
  if ((*file)->size() > kMostManifestBytes) return fail("plugin.json is over 1 MB");
  auto bytes = (*file)->Read(0, (*file)->size());
  if (!bytes) return fail(bytes.error().message);
  auto manifest = ParseManifest({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!manifest) return fail(fmt::format("plugin.json: {}", manifest.error().message));
  plugin.manifest = std::move(*manifest);
  plugin.program = fmt::format("{}/pthview-plugin-{}", folder, plugin.manifest.name);
  if (access(plugin.program.c_str(), X_OK) != 0) {
    return fail(fmt::format("its program pthview-plugin-{} is missing or cannot be executed", plugin.manifest.name));
  }
  for (const std::string& checked : {folder, path, plugin.program}) {
    if (AnyoneMayWrite(checked)) return fail(fmt::format("anyone may write to {}", checked));
  }
  return plugin;
}

}  // namespace

std::vector<std::string> SearchPath() {
  std::vector<std::string> path;
  std::string listed = Environment("PTHVIEW_PLUGIN_PATH");
  for (size_t at = 0; at < listed.size();) {
    size_t end = std::min(listed.find(':', at), listed.size());
    if (end > at) path.push_back(listed.substr(at, end - at));
    at = end + 1;
  }
  if (std::string data = Environment("XDG_DATA_HOME"); !data.empty() && data[0] == '/') {
    path.push_back(data + "/pthview/plugins");
  } else if (std::string home = Environment("HOME"); !home.empty()) {
    path.push_back(home + "/.local/share/pthview/plugins");
  }
  // bin/pthview and libexec/pthview-serve share a prefix.
  if (std::string folder = ProgramFolder(); !folder.empty()) {
    std::string prefix = fs::path(folder).parent_path().string();
    path.push_back(prefix + "/libexec/pthview/plugins");
    if (access((prefix + "/CMakeCache.txt").c_str(), F_OK) == 0) path.push_back(prefix + "/plugins");
  }
  return path;
}

std::vector<Plugin> FindPlugins(const std::vector<std::string>& path) {
  std::vector<Plugin> plugins;
  std::set<std::string> names;
  std::set<std::string> seen;  // the same folder may be listed twice
  for (const std::string& place : path) {
    std::error_code error;
    std::vector<std::string> folders;
    for (fs::directory_iterator at(place, error), end; !error && at != end; at.increment(error)) {
      if (folders.size() >= kMostFolders) break;
      std::string folder = fs::absolute(at->path(), error).string();
      if (access((folder + "/plugin.json").c_str(), F_OK) == 0) folders.push_back(std::move(folder));
    }
    std::ranges::sort(folders);
    for (const std::string& folder : folders) {
      if (!seen.insert(fs::weakly_canonical(folder, error).string()).second) continue;
      Plugin plugin = ReadPlugin(folder);
      if (plugin.problem.empty() && !names.insert(plugin.manifest.name).second) {
        plugin.problem = fmt::format("another plug-in called '{}' comes before it", plugin.manifest.name);
      }
      plugins.push_back(std::move(plugin));
    }
  }
  return plugins;
}

}  // namespace pthview::plugins
