// Blocks of distant files, the least recently used dropped when there are too many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace pthview {

// Thread-safe.
class BlockCache {
 public:
  explicit BlockCache(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  // A number for a file of which blocks are kept.
  uint64_t NewFile();
  // Copies from byte `from` of the block; false when it is not there.
  bool Copy(uint64_t file, uint64_t block, size_t from, std::span<std::byte> out);
  bool Has(uint64_t file, uint64_t block) const;
  void Put(uint64_t file, uint64_t block, std::span<const std::byte> bytes);
  void DropFile(uint64_t file);
  uint64_t bytes() const;

 private:
  using Key = std::pair<uint64_t, uint64_t>;
  struct Block {
    std::vector<std::byte> bytes;
    std::list<Key>::iterator use;
  };
  void Drop(std::map<Key, Block>::iterator block);

  const uint64_t most_bytes_;
  mutable std::mutex mutex_;
  std::map<Key, Block> blocks_;
  std::list<Key> uses_;  // the most recent first
  uint64_t bytes_ = 0;
  uint64_t files_ = 0;
};

}  // namespace pthview
