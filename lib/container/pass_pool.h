// Passes that no one uses now, kept so that reading on is one pass: those of all unpacked sources together.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "lib/container/packed_data.h"

namespace pthview {

// Thread-safe. An archive may hold thousands of packed files, of each of which the beginning is looked at: the passes
// that were used least recently are dropped when all of them take more than `most_bytes`, except the last one.
class PassPool {
 public:
  explicit PassPool(uint64_t most_bytes) : most_bytes_(most_bytes) {}

  void Put(uint64_t file, std::unique_ptr<UnpackPass> pass);
  // Of the file's passes that stand in [from, to] the furthest, which is the caller's now; null when there is none.
  std::unique_ptr<UnpackPass> Take(uint64_t file, uint64_t from, uint64_t to);
  // To be called before what the file's passes read is gone.
  void DropFile(uint64_t file);
  uint64_t bytes() const;

 private:
  struct Kept {
    uint64_t file;
    uint64_t bytes;
    std::unique_ptr<UnpackPass> pass;
  };
  std::unique_ptr<UnpackPass> Remove(std::list<Kept>::iterator kept);

  const uint64_t most_bytes_;
  mutable std::mutex mutex_;
  std::list<Kept> passes_;  // the last used first
  uint64_t bytes_ = 0;
};

}  // namespace pthview
