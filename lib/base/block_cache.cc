#include "lib/base/block_cache.h"

#include <cstring>

namespace pthview {

uint64_t BlockCache::NewFile() {
  std::lock_guard lock(mutex_);
  return ++files_;
}

bool BlockCache::Copy(uint64_t file, uint64_t block, size_t from, std::span<std::byte> out) {
  std::lock_guard lock(mutex_);
  auto found = blocks_.find({file, block});
  if (found == blocks_.end()) return false;
  const std::vector<std::byte>& bytes = found->second.bytes;
  if (from > bytes.size() || out.size() > bytes.size() - from) return false;
  if (!out.empty()) std::memcpy(out.data(), bytes.data() + from, out.size());
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return true;
}

bool BlockCache::Has(uint64_t file, uint64_t block) const {
  std::lock_guard lock(mutex_);
  return blocks_.contains({file, block});
}

void BlockCache::Put(uint64_t file, uint64_t block, std::span<const std::byte> bytes) {
  std::lock_guard lock(mutex_);
  const Key key{file, block};
  if (auto old = blocks_.find(key); old != blocks_.end()) Drop(old);
  uses_.push_front(key);
  blocks_.emplace(key, Block{{bytes.begin(), bytes.end()}, uses_.begin()});
  bytes_ += bytes.size();
  while (bytes_ > most_bytes_ && uses_.size() > 1) Drop(blocks_.find(uses_.back()));
}

void BlockCache::DropFile(uint64_t file) {
  std::lock_guard lock(mutex_);
  for (auto at = blocks_.lower_bound({file, 0}); at != blocks_.end() && at->first.first == file;) Drop(at++);
}

uint64_t BlockCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

void BlockCache::Drop(std::map<Key, Block>::iterator block) {
  bytes_ -= block->second.bytes.size();
  uses_.erase(block->second.use);
  blocks_.erase(block);
}

}  // namespace pthview
