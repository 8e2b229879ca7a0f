// Ends requests that httplib would wait on for ever: answers that come by the drop, headers without end. Ends the
// program when the one that started it is gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace httplib {
class ClientImpl;
}

namespace pthview::fetch {

enum class Barked { kNo, kSlow, kLongHead };

class Watchdog {
 public:
  // A thread that lives as long as the program. `socket` leads to the program that asks; less than 1 KB in any
  // `patience` is too slow.
  Watchdog(int socket, std::chrono::seconds patience);

  void Begin(const httplib::ClientImpl* client);
  void HeadIsRead();
  // Why the request was ended, if it was.
  Barked End();

 private:
  using Clock = std::chrono::steady_clock;
  void Look();

  const int socket_;
  const std::chrono::seconds patience_;
  std::mutex mutex_;
  const httplib::ClientImpl* client_ = nullptr;  // null between requests
  bool in_head_ = false;
  uint64_t begin_bytes_ = 0;  // received on the connection when the request began
  uint64_t mark_bytes_ = 0;   // and at mark_
  Clock::time_point mark_;
  Barked barked_ = Barked::kNo;
};

}  // namespace pthview::fetch
