#include "tools/archive/hash_thread.h"

#include <utility>

namespace pthview::archive {
namespace {
constexpr size_t kMost = 16;
}

HashThread::HashThread() : thread_([this] { Work(); }) {}

HashThread::~HashThread() {
  if (thread_.joinable()) Finish();
}

void HashThread::Update(std::span<const std::byte> bytes) {
  std::vector<std::byte> block;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return full_.size() < kMost; });
    if (!empty_.empty()) {
      block = std::move(empty_.back());
      empty_.pop_back();
    }
  }
  block.assign(bytes.begin(), bytes.end());
  std::lock_guard lock(mutex_);
  full_.push_back(std::move(block));
  changed_.notify_all();
}

std::string HashThread::Finish() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  thread_.join();
  return hash_.Finish();
}

void HashThread::Work() {
  for (;;) {
    std::vector<std::byte> block;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || !full_.empty(); });
      if (full_.empty()) return;
      block = std::move(full_.front());
      full_.pop_front();
      changed_.notify_all();
    }
    hash_.Update(block);
    std::lock_guard lock(mutex_);
    empty_.push_back(std::move(block));
  }
}

}  // namespace pthview::archive
