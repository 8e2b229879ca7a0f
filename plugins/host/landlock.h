// Landlock: which files and folders a process may open (Documentation/userspace-api/landlock.rst of the kernel).
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"

namespace pthview::plugins {

// A ruleset (a descriptor, close-on-exec) that lets `readable` and the system's programs and libraries be read and
// executed and nothing be written, and denies TCP and signals to others where the kernel can. kUnsupported where the
// kernel has no Landlock.
Result<int> MakeLandlockRuleset(const std::vector<std::string>& readable);

// Async-signal-safe. Needs no_new_privs. Returns 0 or an errno.
int EnterLandlock(int ruleset);

}  // namespace pthview::plugins
