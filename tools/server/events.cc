#include "tools/server/events.h"

#include <algorithm>
#include <chrono>

namespace pthview::server {

std::unique_ptr<EventHub::Listener> EventHub::Listen() {
  std::lock_guard lock(mutex_);
  if (listeners_ >= kMaxListeners || stopped_) return nullptr;
  ++listeners_;
  return std::unique_ptr<Listener>(new Listener(this, first_ + messages_.size()));
}

void EventHub::Leave() {
  std::lock_guard lock(mutex_);
  --listeners_;
  changed_.notify_all();
}

void EventHub::Publish(const std::string& event, const std::string& data) {
  std::lock_guard lock(mutex_);
  Append(event, data);
}

void EventHub::Append(const std::string& event, const std::string& data) {
  messages_.push_back("event: " + event + "\ndata: " + data + "\n\n");
  if (messages_.size() > kKept) {
    messages_.pop_front();
    ++first_;
  }
  changed_.notify_all();
}

void EventHub::Stop() {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  stopped_ = true;
  Append("bye", "{}");
}

bool EventHub::WaitUntilLeft(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return listeners_ == 0; });
}

std::optional<std::string> EventHub::Listener::Wait() {
  std::unique_lock lock(hub_->mutex_);
  hub_->changed_.wait_for(lock, std::chrono::milliseconds(500),
                          [&] { return hub_->stopped_ || next_ < hub_->first_ + hub_->messages_.size(); });
  next_ = std::max(next_, hub_->first_);
  if (next_ == hub_->first_ + hub_->messages_.size()) {
    if (hub_->stopped_) return std::nullopt;
    return std::string();
  }
  return hub_->messages_[next_++ - hub_->first_];
}

}  // namespace pthview::server
