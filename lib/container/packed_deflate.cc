#include "lib/container/packed_deflate.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/container/gzip.h"
#include "lib/container/restart_points.h"

namespace pthview {
namespace {

// Never destroyed: other threads may still read when the program ends.
RestartPoints& Points() {
  static auto& points = *new RestartPoints(PackedDeflate::kMostPoints);
  return points;
}

}  // namespace

class PackedDeflate::Pass : public UnpackPass {
 public:
  explicit Pass(PackedDeflate& data) : data_(data), inflater_(data.source_, data.offset_, data.length_, data.format_) {}

  Status Begin(const RestartPoint* point) { return inflater_.Begin(point); }

  uint64_t position() const override { return inflater_.unpacked(); }
  uint64_t packed() const override { return inflater_.packed(); }
  uint64_t memory() const override { return Inflater::kMemory; }

  Status Next(std::span<std::byte> out, size_t* written) override {
    *written = 0;
    if (data_.size_) out = out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), *data_.size_ - position())));
    while (*written < out.size() && !inflater_.ended()) {
      const std::span<std::byte> rest = out.subspan(*written);
      const uint64_t next_point = Points().Next(data_.points_);
      const bool due = position() >= next_point;
      const auto until =
          static_cast<size_t>(due ? rest.size() : std::min<uint64_t>(rest.size(), next_point - position()));
      size_t got = 0;
      Status status = inflater_.Step(rest.first(until), due, &got);
      *written += got;
      PTHVIEW_TRY(std::move(status));
      if (auto point = inflater_.Border()) Points().Note(data_.points_, std::move(*point));
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
      points_(Points().NewFile(spacing)) {}

PackedDeflate::~PackedDeflate() { Points().DropFile(points_); }

uint64_t PackedDeflate::MostUnpacked(uint64_t packed) const { return MostInflated(packed); }

uint64_t PackedDeflate::StartBefore(uint64_t offset) const {
  const auto point = Points().Before(points_, offset);
  return point == nullptr ? 0 : point->unpacked;
}

Result<std::unique_ptr<UnpackPass>> PackedDeflate::Start(uint64_t offset) {
  auto pass = std::make_unique<Pass>(*this);
  const auto point = Points().Before(points_, offset);
  PTHVIEW_TRY(pass->Begin(point.get()));
  return std::unique_ptr<UnpackPass>(std::move(pass));
}

size_t PackedDeflate::points() const { return Points().count(points_); }

}  // namespace pthview
