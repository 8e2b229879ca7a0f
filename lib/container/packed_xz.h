// An xz file that can be entered at each of its blocks. liblzma does the work.
// Source: the .xz file format, version 1.0.4 (tukaani.org).
#pragma once

#include <cstdint>
#include <memory>

#include <lzma.h>

#include "lib/base/source.h"
#include "lib/container/packed_data.h"

namespace pthview {

// The index at the end of each stream says where its blocks lie and what they unpack to. `xz -T0` makes a block of
// every 24 MB or so; plain `xz` of versions before 5.6 makes one block, which can be entered at its beginning only.
class PackedXz : public PackedData {
 public:
  // What a decoder may hold; `xz -9` needs half of it.
  static constexpr uint64_t kMemory = uint64_t{128} << 20;

  // Reads the indices of all streams, and unpacks nothing. kTruncated when the file has no end, kCorrupt when its
  // indices contradict it, kLimit when they need more
  // memory than the file's size explains (a byte for each 64, and 1 MB; 64 MB at most). `source` must outlive it.
  static Result<std::unique_ptr<PackedXz>> Open(const ByteSource& source);
  ~PackedXz() override { lzma_index_end(index_, nullptr); }

  uint64_t size() const override { return lzma_index_uncompressed_size(index_); }
  uint64_t MostUnpacked(uint64_t) const override { return size(); }
  uint64_t StartBefore(uint64_t offset) const override;
  Result<std::unique_ptr<UnpackPass>> Start(uint64_t offset) override;

 private:
  class Pass;
  PackedXz(const ByteSource& source, lzma_index* index) : source_(source), index_(index) {}

  const ByteSource& source_;
  lzma_index* index_;
};

}  // namespace pthview
