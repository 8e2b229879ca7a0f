// A source each read of which is a round trip to another machine.
//
// Readers of a file near by look at every header that stands in front of some data. Where that would be a round trip a
// tensor, a reader that can tell what such a header holds takes it for granted instead (Assume), and the source
// compares it as soon as data behind it is read: nothing is ever shown on the strength of an assumption that does not
// hold.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/base/block_cache.h"
#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// The `length` (at most 8) bytes at `at` are taken to be `value`, little-endian; compared when bytes of [begin, end)
// are read for the first time.
struct Assumption {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t at = 0;
  uint64_t value = 0;
  uint32_t length = 0;
};

// Gives bytes of one file. Not called by several threads at once.
class RangeReader {
 public:
  virtual ~RangeReader() = default;
  // Fills `out` from `offset`, or fails.
  virtual Status Fetch(uint64_t offset, std::span<std::byte> out) = 0;
};

// Reads in blocks, kept in a cache that may be shared. A read that goes on where one of the last ones ended fetches
// twice as much as that did, up to 8 MB; a read near the end fetches the end, where archives keep their directory.
class DistantSource : public ByteSource {
 public:
  static constexpr uint64_t kBlock = uint64_t{32} << 10;
  static constexpr uint64_t kLargestFetch = uint64_t{8} << 20;
  static constexpr uint64_t kTail = uint64_t{256} << 10;
  // Below this a reader had better read than assume.
  static constexpr uint64_t kWorthAssuming = uint64_t{1} << 20;

  // `head` is what is there of the file already, from its start. `reader` may be null when that is all of it.
  DistantSource(std::string name, uint64_t size, std::vector<std::byte> head, std::unique_ptr<RangeReader> reader,
                std::shared_ptr<BlockCache> cache);
  ~DistantSource() override { cache_->DropFile(id_); }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override;

  // Ranges must not overlap, but several assumptions may share one. kCorrupt from ReadAt when one does not hold.
  void Assume(const std::vector<Assumption>& assumptions) const;

 private:
  struct Run {  // of blocks, fetched at once
    uint64_t end = 0;
    uint64_t count = 0;
  };
  struct Assumed : Assumption {
    bool holds = false;
  };
  Status Raw(uint64_t offset, std::span<std::byte> out) const;
  Status Fetch(uint64_t first, uint64_t needed_end, uint64_t offset, std::span<std::byte> out) const;
  uint64_t FirstHad(uint64_t block, uint64_t end) const;
  Run Plan(uint64_t first, uint64_t needed_end, uint64_t* start) const;
  Status CheckAssumptions(uint64_t offset, uint64_t length) const;

  std::string name_;
  uint64_t size_;
  std::vector<std::byte> head_;
  std::unique_ptr<RangeReader> reader_;
  std::shared_ptr<BlockCache> cache_;
  uint64_t id_;  // in the cache
  mutable std::mutex fetching_;
  mutable std::vector<Run> recent_;
  mutable std::mutex assuming_;
  mutable std::vector<Assumed> assumed_;  // by begin
};

// The source as a DistantSource that is large enough to be worth assuming about, else null.
const DistantSource* WorthAssuming(const ByteSource& source);

// True when offsets in the source are offsets in a file that the user can name: a file or an address, and not the
// inside of a compressed record.
bool IsWholeFile(const ByteSource& source);

}  // namespace pthview
