#include "lib/container/packed_deflate.h"

#include <algorithm>
#include <string>
#include <utility>

namespace pthview {

class PackedDeflate::Pass : public UnpackPass {
 public:
  explicit Pass(PackedDeflate& data) : data_(data), inflater_(data.source_, data.offset_, data.length_, data.format_) {}

  Status Begin(const RestartPoint* point) { return inflater_.Begin(point); }

  uint64_t position() const override { return inflater_.unpacked(); }
  uint64_t packed() const override { return inflater_.packed(); }

  Status Next(std::span<std::byte> out, size_t* written) override {
    *written = 0;
    if (data_.size_) out = out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), *data_.size_ - position())));
    while (*written < out.size() && !inflater_.ended()) {
      const std::span<std::byte> rest = out.subspan(*written);
      const uint64_t next_point = data_.NextPoint();
      const bool due = position() >= next_point;
      const auto until =
          static_cast<size_t>(due ? rest.size() : std::min<uint64_t>(rest.size(), next_point - position()));
      size_t got = 0;
      Status status = inflater_.Step(rest.first(until), due, &got);
      *written += got;
      PTHVIEW_TRY(std::move(status));
      if (auto point = inflater_.Border()) data_.Note(std::move(*point));
    }
    return inflater_.ended() || position() == data_.size_ ? CheckEnd() : Ok();
  }

 private:
  // The data ends where it should, and not before or behind.
  Status CheckEnd() {
    std::byte spare{};
    size_t more = 0;
    const uint64_t size = position();
    if (!inflater_.ended()) PTHVIEW_TRY(inflater_.Step(std::span(&spare, 1), false, &more));
    if (!data_.size_) data_.size_ = size;
    if (more == 0 && size == *data_.size_) return Ok();
    Error error{ErrorCode::kCorrupt, "the data inflates to " + std::string(more != 0 ? "more than" : "less than") +
                                         " the promised " + std::to_string(*data_.size_) + " bytes"};
    error.offset = inflater_.packed();
    return error;
  }

  PackedDeflate& data_;
  Inflater inflater_;
};

PackedDeflate::PackedDeflate(const ByteSource& source, uint64_t offset, uint64_t length, DeflateFormat format,
                             std::optional<uint64_t> size, uint64_t spacing)
    : source_(source),
      offset_(offset),
      length_(length),
      format_(format),
      size_(size),
      // By the file around: its records together may keep no more than one of its size.
      spacing_(std::max(spacing, source.size() / (kMostPoints / 2))) {}

const RestartPoint* PackedDeflate::PointBefore(uint64_t offset) const {
  auto behind = std::upper_bound(points_.begin(), points_.end(), offset,
                                 [](uint64_t at, const RestartPoint& point) { return at < point.unpacked; });
  return behind == points_.begin() ? nullptr : &*std::prev(behind);
}

uint64_t PackedDeflate::StartBefore(uint64_t offset) const {
  const RestartPoint* point = PointBefore(offset);
  return point == nullptr ? 0 : point->unpacked;
}

Result<std::unique_ptr<UnpackPass>> PackedDeflate::Start(uint64_t offset) {
  auto pass = std::make_unique<Pass>(*this);
  PTHVIEW_TRY(pass->Begin(PointBefore(offset)));
  return std::unique_ptr<UnpackPass>(std::move(pass));
}

void PackedDeflate::Note(RestartPoint point) {
  if (point.unpacked < NextPoint()) return;
  points_.push_back(std::move(point));
  if (points_.size() < kMostPoints) return;
  size_t kept = 0;
  for (size_t i = 1; i < points_.size(); i += 2) points_[kept++] = std::move(points_[i]);
  points_.resize(kept);
  spacing_ *= 2;
}

}  // namespace pthview
