#include "plugins/host/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

namespace pthview::plugins {
namespace {

// <linux/landlock.h> of Debian 12 knows less than newer kernels do.
struct RulesetAttributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // ABI 4
  uint64_t scoped;              // ABI 6
};
struct [[gnu::packed]] PathRule {
  uint64_t allowed_access;
  int32_t parent_fd;
};
constexpr uint32_t kVersionFlag = 1;
constexpr int kPathBeneath = 1;
constexpr uint64_t kExecute = 1 << 0;
constexpr uint64_t kWriteFile = 1 << 1;
constexpr uint64_t kReadFile = 1 << 2;
constexpr uint64_t kReadDir = 1 << 3;
constexpr uint64_t kAllNet = 3;     // bind and connect TCP
constexpr uint64_t kAllScopes = 3;  // abstract sockets, signals

// The rights on files that each version of the interface knows: what is not named is not denied.
constexpr uint64_t FileRights(int abi) {
  int bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
  return (uint64_t{1} << bits) - 1;
}

struct SystemPath {
  const char* path;
  uint64_t rights;
};
// What interpreters and the dynamic loader of Debian need. /etc is read file by file: it holds secrets too.
constexpr SystemPath kSystem[] = {
    {"/usr", kExecute | kReadFile | kReadDir},
    {"/bin", kExecute | kReadFile | kReadDir},
    {"/lib", kExecute | kReadFile | kReadDir},
    {"/lib64", kExecute | kReadFile | kReadDir},
    {"/etc/alternatives", kReadFile | kReadDir},
    {"/etc/ld.so.cache", kReadFile},
    {"/etc/localtime", kReadFile},
    {"/etc/python3", kReadFile | kReadDir},
    {"/etc/python3.11", kReadFile | kReadDir},
    {"/proc/cpuinfo", kReadFile},
    {"/proc/meminfo", kReadFile},
    {"/sys/devices/system/cpu", kReadFile | kReadDir},
    {"/dev/null", kReadFile | kWriteFile},
    {"/dev/zero", kReadFile},
    {"/dev/random", kReadFile},
    {"/dev/urandom", kReadFile},
};

// Passes over what is not there.
void Allow(int ruleset, const char* path, uint64_t rights) {
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return;
  struct stat status;
  if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode)) rights &= ~kReadDir;
  PathRule rule{rights, fd};
  syscall(SYS_landlock_add_rule, ruleset, kPathBeneath, &rule, 0);
  close(fd);
}

}  // namespace

Result<int> MakeLandlockRuleset(const std::vector<std::string>& readable) {
  auto abi = static_cast<int>(syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersionFlag));
  RulesetAttributes attributes{FileRights(abi), abi >= 4 ? kAllNet : 0, abi >= 6 ? kAllScopes : 0};
  size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  int ruleset = abi < 1 ? -1 : static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = fmt::format("this system offers no Landlock ({}), so plug-ins cannot be confined",
                                        std::strerror(errno)),
                 .hint = "PTHVIEW_PLUGIN_UNCONFINED=1 runs them all the same: they may then read what you may read"};
  }
  for (const SystemPath& row : kSystem) Allow(ruleset, row.path, row.rights);
  for (const std::string& path : readable) Allow(ruleset, path.c_str(), kExecute | kReadFile | kReadDir);
  return ruleset;
}

int EnterLandlock(int ruleset) { return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : errno; }

}  // namespace pthview::plugins
