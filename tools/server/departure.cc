#include "tools/server/departure.h"

#include <chrono>
#include <utility>

namespace pthview::server {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{40};

}  // namespace

Departure::Departure(Gone gone) : gone_(std::move(gone)) {
  if (gone_) thread_ = std::thread([this] { Watch(); });
}

Departure::~Departure() {
  {
    std::lock_guard lock(mutex_);
    done_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Departure::Watch() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kBetweenLooks, [this] { return done_; })) {
    if (!gone_()) continue;
    departed_ = true;
    return;
  }
}

}  // namespace pthview::server
