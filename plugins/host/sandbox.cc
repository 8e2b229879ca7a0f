#include "plugins/host/sandbox.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "plugins/host/landlock.h"

namespace pthview::plugins {
namespace {

struct ResourceLimit {
  int resource;
  uint64_t most;
  uint64_t grace;  // by which the hard limit is higher
};

}  // namespace

Result<Sandbox> Sandbox::Prepare(const std::vector<std::string>& readable, const Limits& limits,
                                 bool allow_unconfined) {
  Sandbox sandbox;
  sandbox.limits_ = limits;
  auto ruleset = MakeLandlockRuleset(readable);
  if (!ruleset && !allow_unconfined) return std::move(ruleset).error();
  if (ruleset) sandbox.ruleset_ = *ruleset;
  sandbox.filter_ = SystemCallFilter(&sandbox.own_pid_);
  return sandbox;
}

Sandbox::Sandbox(Sandbox&& other) noexcept
    : ruleset_(std::exchange(other.ruleset_, -1)),
      limits_(other.limits_),
      filter_(std::move(other.filter_)),
      own_pid_(std::move(other.own_pid_)) {}

Sandbox::~Sandbox() {
  if (ruleset_ >= 0) close(ruleset_);
}

int Sandbox::Enter() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (ruleset_ >= 0) {
    if (int error = EnterLandlock(ruleset_)) return error;
  }
  const ResourceLimit rows[] = {
      {RLIMIT_AS, limits_.memory_bytes, 0},
      {RLIMIT_CPU, limits_.cpu_seconds,
       1},  // SIGXCPU first, which tells this limit from others; SIGKILL a second later
      {RLIMIT_NOFILE, limits_.open_files, 0},
      {RLIMIT_FSIZE, 0, 0},  // memfd_create and the like: memory that RLIMIT_AS does not count
      {RLIMIT_CORE, 0, 0},
  };
  for (const ResourceLimit& row : rows) {
    const rlimit limit{row.most, row.most + row.grace};
    if (setrlimit(static_cast<__rlimit_resource_t>(row.resource), &limit) != 0) return errno;
  }
  const auto pid = static_cast<uint32_t>(getpid());
  for (size_t row : own_pid_) filter_[row].k = pid;
  const sock_fprog program{static_cast<unsigned short>(filter_.size()), filter_.data()};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : errno;
}

}  // namespace pthview::plugins
