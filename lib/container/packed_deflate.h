// Deflated bytes that can be entered in their middle: the data of a zip record, or a gzip file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "lib/base/source.h"
#include "lib/container/inflater.h"
#include "lib/container/packed_data.h"

namespace pthview {

// Nothing in a deflated stream says where its blocks begin. The first pass over each part notes some of the borders
// that it meets, with the 32 KB before each that later bytes may refer to; a later pass begins at one of them.
class PackedDeflate : public PackedData {
 public:
  // Of source[offset, offset + length). Without `size`, which zip writes and gzip does not, the size is known when a
  // pass has come to the end. Noted borders are at least `spacing` unpacked bytes apart, and more where all deflated
  // data that is open would keep more than kMostPoints of them (restart_points.h). `source` must outlive it.
  PackedDeflate(const ByteSource& source, uint64_t offset, uint64_t length, DeflateFormat format,
                std::optional<uint64_t> size, uint64_t spacing = kLeastSpacing);
  ~PackedDeflate() override;

  static constexpr size_t kMostPoints = 1024;  // which takes 32 MB
  static constexpr uint64_t kLeastSpacing = uint64_t{4} << 20;

  uint64_t size() const override { return size_.value_or(0); }
  uint64_t MostUnpacked(uint64_t packed) const override;
  uint64_t StartBefore(uint64_t offset) const override;
  Result<std::unique_ptr<UnpackPass>> Start(uint64_t offset) override;

  size_t points() const;

 private:
  class Pass;
  const ByteSource& source_;
  uint64_t offset_;
  uint64_t length_;
  DeflateFormat format_;
  std::optional<uint64_t> size_;
  uint64_t points_;  // the number of its points
};

}  // namespace pthview
