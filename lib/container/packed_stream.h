// Packed data that can only be gone through from its beginning, or from where a frame of it begins: bzip2, zstd, zlib
// and the old lzma. The libraries do the work.
// Source: RFC 8878 (zstd), RFC 1950 (zlib), the manual of bzip2 1.0.8, doc/lzma-file-format.txt of XZ Utils.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/packed_data.h"

namespace pthview {

enum class StreamFormat : uint8_t { kBzip2, kZstd, kZlib, kLzma };
std::string_view StreamName(StreamFormat format);  // "bzip2", ...
// What unpacks it in a shell, for hints: "bunzip2 -k".
std::string_view StreamTool(StreamFormat format);

// Whether `head`, the first bytes of a file, begins such data. bzip2 and zstd have a magic number. zlib and lzma have
// next to none: so much of them as is there is unpacked, and nothing may be wrong with it.
bool LooksLikeStream(StreamFormat format, std::span<const std::byte> head);

class PackedStream : public PackedData {
 public:
  // What a decoder may hold. zstd needs more for data that was packed with --long=28 or beyond.
  static constexpr uint64_t kMemory = uint64_t{128} << 20;

  // All of `source`, which must outlive it. What it unpacks to is known when a pass has come to its end.
  PackedStream(const ByteSource& source, StreamFormat format) : source_(source), format_(format) {}

  uint64_t size() const override { return size_; }
  uint64_t MostUnpacked(uint64_t) const override { return UINT64_MAX; }
  uint64_t StartBefore(uint64_t offset) const override;
  Result<std::unique_ptr<UnpackPass>> Start(uint64_t offset) override;

 private:
  class Pass;
  // A frame that begins somewhere behind the first one.
  struct Frame {
    uint64_t unpacked = 0;
    uint64_t packed = 0;
  };
  static constexpr size_t kMostFrames = size_t{1} << 16;
  static constexpr uint64_t kSpacing = uint64_t{4} << 20;  // unpacked bytes between those that are noted
  Frame FrameBefore(uint64_t offset) const;

  const ByteSource& source_;
  StreamFormat format_;
  uint64_t size_ = 0;
  std::vector<Frame> frames_;  // in the order in which they stand
};

}  // namespace pthview
