// What an external plug-in may do: read the files it was told of, its own folder, and the system's programs and
// libraries; compute; write to its standard output. It cannot write or change any file, open a socket, start a process,
// signal or look into others, or take more than its limits.
//
// Three parts, all of the kernel: Landlock (which files), a seccomp filter (which system calls), resource limits. The
// parent prepares them, because between fork and exec a child of a threaded program may only make system calls.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "plugins/host/manifest.h"

namespace pthview::plugins {

class Sandbox {
 public:
  // `readable`: files and folders beyond the system's that may be read (and, for folders' programs, executed). Those
  // that do not exist are passed over. kUnsupported when the kernel has no Landlock, unless `allow_unconfined`.
  static Result<Sandbox> Prepare(const std::vector<std::string>& readable, const Limits& limits, bool allow_unconfined);
  Sandbox(Sandbox&& other) noexcept;
  Sandbox& operator=(Sandbox&&) = delete;
  ~Sandbox();

  // In the child, before exec: nothing but system calls. Returns 0, or the errno of what failed.
  int Enter();

 private:
  Sandbox() = default;
  int ruleset_ = -1;  // -1: the kernel has none
  Limits limits_;
  std::vector<sock_filter> filter_;
  std::vector<size_t> own_pid_;  // rows of filter_ that compare with the child's process id
};

// The filter by itself, for its tests.
std::vector<sock_filter> SystemCallFilter(std::vector<size_t>* own_pid);

}  // namespace pthview::plugins
