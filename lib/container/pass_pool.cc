#include "lib/container/pass_pool.h"

#include <iterator>
#include <utility>

namespace pthview {

void PassPool::Put(uint64_t file, std::unique_ptr<UnpackPass> pass) {
  std::lock_guard lock(mutex_);
  const uint64_t bytes = pass->memory();
  passes_.push_front({file, bytes, std::move(pass)});
  bytes_ += bytes;
  while (bytes_ > most_bytes_ && passes_.size() > 1) Remove(std::prev(passes_.end()));
}

std::unique_ptr<UnpackPass> PassPool::Take(uint64_t file, uint64_t from, uint64_t to) {
  std::lock_guard lock(mutex_);
  auto best = passes_.end();
  for (auto kept = passes_.begin(); kept != passes_.end(); ++kept) {
    const uint64_t at = kept->pass->position();
    if (kept->file != file || at < from || at > to) continue;
    if (best == passes_.end() || at > best->pass->position()) best = kept;
  }
  return best == passes_.end() ? nullptr : Remove(best);
}

void PassPool::DropFile(uint64_t file) {
  std::lock_guard lock(mutex_);
  for (auto kept = passes_.begin(); kept != passes_.end();) {
    auto next = std::next(kept);
    if (kept->file == file) Remove(kept);
    kept = next;
  }
}

uint64_t PassPool::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

std::unique_ptr<UnpackPass> PassPool::Remove(std::list<Kept>::iterator kept) {
  std::unique_ptr<UnpackPass> pass = std::move(kept->pass);
  bytes_ -= kept->bytes;
  passes_.erase(kept);
  return pass;
}

}  // namespace pthview
