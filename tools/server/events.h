// Telling open pages that a file was reloaded: Server-Sent Events.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace pthview::server {

// Thread-safe. Listeners are few (each holds a connection); a message reaches those that listen at that moment.
class EventHub {
 public:
  static constexpr int kMaxListeners = 8;

  class Listener {
   public:
    ~Listener() { hub_->Leave(); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // The next message (a whole `event: ...` block), or empty after half a second of silence. When the server stops
    // the last message is `bye`, and after it nullopt.
    std::optional<std::string> Wait();

   private:
    friend class EventHub;
    Listener(EventHub* hub, uint64_t next) : hub_(hub), next_(next) {}
    EventHub* hub_;
    uint64_t next_;
  };

  // nullptr when there are too many already. The hub outlives its listeners.
  std::unique_ptr<Listener> Listen();
  void Publish(const std::string& event, const std::string& data);
  // Says `bye` to the listeners and takes no more of them.
  void Stop();
  // False when a listener is still there after `limit`.
  bool WaitUntilLeft(std::chrono::milliseconds limit);

 private:
  // A listener that falls further behind misses messages; the page asks for versions.
  static constexpr size_t kKept = 64;
  void Leave();
  void Append(const std::string& event, const std::string& data);  // with mutex_ held

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> messages_;
  uint64_t first_ = 0;  // number of messages_.front()
  int listeners_ = 0;
  bool stopped_ = false;
};

}  // namespace pthview::server
