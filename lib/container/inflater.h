// zlib's decoder over a part of a source: goes forward, tells where it could be resumed, and resumes there.
// Source: RFC 1951 (deflate), RFC 1952 (gzip); zlib does the work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <zlib.h>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

enum class DeflateFormat : uint8_t {
  kRaw,   // deflate without a wrapper, as in zip
  kGzip,  // one or more gzip members in a row, each with header and checksum
};

// A border between two deflated blocks. Blocks begin at any bit, and refer to what was unpacked before them.
struct RestartPoint {
  uint64_t unpacked = 0;          // bytes before it
  uint64_t packed = 0;            // offset in the source of the first byte no bit of which was used
  int bits = 0;                   // high bits of the byte before that, which belong to the next block
  std::vector<std::byte> window;  // the last bytes before it, at most 32 KB
};

// Not thread-safe; `source` must outlive it.
class Inflater {
 public:
  // What one holds, about: zlib's state with its window, and 64 KB of input.
  static constexpr uint64_t kMemory = uint64_t{112} << 10;

  // Of source[offset, offset + length).
  Inflater(const ByteSource& source, uint64_t offset, uint64_t length, DeflateFormat format);
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // To be called once, before Step: stands at the beginning, or at `point` when there is one. The checksum of a gzip
  // member that is entered in its middle is not compared.
  Status Begin(const RestartPoint* point = nullptr);

  // Fills `out` until it is full, the data ends, or (with `stop_at_border`) the next border is reached. *written counts
  // what was filled, up to the first thing that is wrong too. Of gzip, bytes behind the last member are ignored.
  Status Step(std::span<std::byte> out, bool stop_at_border, size_t* written);

  bool ended() const { return ended_; }
  uint64_t unpacked() const { return unpacked_; }
  uint64_t packed() const { return next_ - stream_.avail_in; }

  // Where it stands, when the last Step stopped at a border.
  std::optional<RestartPoint> Border();

 private:
  Status Refill();
  Status EndMember();

  const ByteSource& source_;
  uint64_t next_;  // offset in the source behind what is in input_
  uint64_t end_;
  DeflateFormat format_;
  z_stream stream_{};
  std::vector<std::byte> input_;
  uint64_t unpacked_ = 0;
  bool inside_member_ = false;  // of gzip, resumed: zlib does not see the member's header, nor its trailer
  bool at_border_ = false;
  bool ended_ = false;
};

}  // namespace pthview
