// Who is connected. The number of connections is limited; when it is reached, the one that has waited longest without
// asking for anything makes room.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>

namespace pthview::server {

// Thread-safe. Sockets are borrowed: shutdown() wakes the thread that reads from one, and that thread closes it.
class Connections {
 public:
  explicit Connections(size_t limit = 64) : limit_(limit) {}

  // False: every place is taken by a request in progress, or the server stops. Leave() is then not called.
  bool Enter(int fd);
  void SetBusy(int fd, bool busy);
  void Leave(int fd);

  // Shuts every socket down, and lets nobody enter any more.
  void StopAll();
  // True when the last one left within `limit`.
  bool WaitUntilEmpty(std::chrono::milliseconds limit);

 private:
  struct Place {
    bool busy = false;
    uint64_t since = 0;
  };
  size_t limit_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::map<int, Place> places_;
  uint64_t clock_ = 0;
  bool stopped_ = false;
};

}  // namespace pthview::server
