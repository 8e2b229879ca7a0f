// Deflated bytes that can be entered in their middle: the data of a zip record, or a gzip file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/base/source.h"
#include "lib/container/inflater.h"
#include "lib/container/packed_data.h"

namespace pthview {

// Nothing in a deflated stream says where its blocks begin. The first pass over each part notes some of the borders
// that it meets, with the 32 KB before each that later bytes may refer to; a later pass begins at one of them.
class PackedDeflate : public PackedData {
 public:
  // Of source[offset, offset + length). Without `size`, which zip writes and gzip does not, the size is known when a
  // pass has come to the end. Noted borders are at least `spacing` unpacked bytes apart. `source` must outlive it.
  PackedDeflate(const ByteSource& source, uint64_t offset, uint64_t length, DeflateFormat format,
                std::optional<uint64_t> size, uint64_t spacing = kLeastSpacing);

  // At most so many borders are kept, which takes 32 MB. When there are more, every other one is forgotten.
  static constexpr size_t kMostPoints = 1024;
  static constexpr uint64_t kLeastSpacing = uint64_t{4} << 20;

  uint64_t size() const override { return size_.value_or(0); }
  uint64_t StartBefore(uint64_t offset) const override;
  Result<std::unique_ptr<UnpackPass>> Start(uint64_t offset) override;
  size_t most_passes() const override { return 4; }

  size_t points() const { return points_.size(); }

 private:
  class Pass;
  const RestartPoint* PointBefore(uint64_t offset) const;
  void Note(RestartPoint point);
  // Unpacked bytes from where on another point is wanted.
  uint64_t NextPoint() const { return (points_.empty() ? 0 : points_.back().unpacked) + spacing_; }

  const ByteSource& source_;
  uint64_t offset_;
  uint64_t length_;
  DeflateFormat format_;
  std::optional<uint64_t> size_;
  uint64_t spacing_;
  std::vector<RestartPoint> points_;
};

}  // namespace pthview
