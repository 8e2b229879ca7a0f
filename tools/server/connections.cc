#include "tools/server/connections.h"

#include <sys/socket.h>

namespace pthview::server {

bool Connections::Enter(int fd) {
  std::lock_guard lock(mutex_);
  if (stopped_) return false;
  if (places_.size() >= limit_) {
    auto oldest = places_.end();
    for (auto place = places_.begin(); place != places_.end(); ++place) {
      if (!place->second.busy && (oldest == places_.end() || place->second.since < oldest->second.since))
        oldest = place;
    }
    if (oldest == places_.end()) return false;
    shutdown(oldest->first, SHUT_RDWR);
    // Its thread has not left yet; counting it as busy keeps the next newcomer from choosing it again.
    oldest->second.busy = true;
    if (places_.size() >= 2 * limit_) return false;
  }
  places_[fd] = {false, ++clock_};
  return true;
}

void Connections::SetBusy(int fd, bool busy) {
  std::lock_guard lock(mutex_);
  places_[fd] = {busy, ++clock_};
}

void Connections::Leave(int fd) {
  std::lock_guard lock(mutex_);
  places_.erase(fd);
  left_.notify_all();
}

void Connections::StopAll() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [fd, place] : places_) shutdown(fd, SHUT_RDWR);
}

bool Connections::WaitUntilEmpty(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return left_.wait_for(lock, limit, [this] { return places_.empty(); });
}

}  // namespace pthview::server
