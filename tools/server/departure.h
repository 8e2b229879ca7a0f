// Whether the one who asked is still there: what is computed for nobody stops.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace pthview::server {

using Gone = std::function<bool()>;  // asked from another thread

// Looks a few times a second, as long as it lives.
class Departure {
 public:
  explicit Departure(Gone gone);
  ~Departure();
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;

  // True from then on. For StatisticsOptions::cancelled and its like.
  const std::atomic<bool>* flag() const { return &departed_; }
  bool departed() const { return departed_.load(std::memory_order_relaxed); }

 private:
  void Watch();

  Gone gone_;
  std::atomic<bool> departed_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace pthview::server
