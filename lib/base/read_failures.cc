#include "lib/base/read_failures.h"

#include <map>
#include <mutex>

namespace pthview {
namespace {

std::mutex& Mutex() {
  static std::mutex mutex;
  return mutex;
}

std::map<std::string, uint64_t>& Counts() {
  static std::map<std::string, uint64_t> counts;
  return counts;
}

}  // namespace

void NoteReadFailure(const std::string& name) {
  std::lock_guard lock(Mutex());
  ++Counts()[name];
}

uint64_t ReadFailuresOf(const std::string& name) {
  std::lock_guard lock(Mutex());
  auto at = Counts().find(name);
  return at == Counts().end() ? 0 : at->second;
}

}  // namespace pthview
