#include "lib/formats/spread/deepspeed_flat.h"

#include <algorithm>
#include <utility>

namespace pthview {

void FlatRow::Append(const ByteRange& range) {
  whole_ = whole_ && range.source != kNone && range.nbytes <= UINT64_MAX - size_;
  if (!whole_ || range.nbytes == 0) return;
  ranges_.push_back(range);
  starts_.push_back(size_);
  size_ += range.nbytes;
}

std::vector<ByteRange> FlatRow::Cut(uint64_t from, uint64_t nbytes) const {
  std::vector<ByteRange> pieces;
  if (nbytes == 0 || from >= size_ || nbytes > size_ - from) return pieces;
  for (auto [i, within] = Place(from); nbytes > 0; ++i, within = 0) {
    uint64_t take = std::min(ranges_[i].nbytes - within, nbytes);
    pieces.push_back({ranges_[i].source, ranges_[i].offset + within, take});
    nbytes -= take;
  }
  return pieces;
}

std::pair<size_t, uint64_t> FlatRow::Place(uint64_t at) const {
  auto i = static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), at) - starts_.begin()) - 1;
  return {i, at - starts_[i]};
}

FlatShares::FlatShares(const Model& model, std::vector<FlatRow> rows) : rows_(std::move(rows)) {
  uint64_t least = UINT64_MAX;
  for (const FlatRow& row : rows_) {
    least_.push_back(least = std::min(least, row.size()));
    auto& sources = sources_.emplace_back();
    for (const ByteRange& range : row.ranges()) sources.push_back(model.sources[range.source].get());
  }
}

bool FlatShares::Have(uint64_t at, uint64_t share, uint64_t nbytes) const {
  if (nbytes == 0) return true;
  auto covers = [&](uint64_t rank, uint64_t part) {
    return rank < rows_.size() && at <= least_[rank] && part <= least_[rank] - at;
  };
  const uint64_t full = nbytes / share;  // ranks whose share is all the parameter's
  const uint64_t rest = nbytes % share;  // and what the next one has of it
  if (full > 0 && !covers(full - 1, share)) return false;
  return rest == 0 || (full < rows_.size() && at <= rows_[full].size() && rest <= rows_[full].size() - at);
}

// Finds the share that holds an offset by division, so that parameters take no memory by rank.
class InterleavedSource : public ByteSource {
 public:
  InterleavedSource(std::shared_ptr<const FlatShares> shares, std::string name, uint64_t at, uint64_t share,
                    uint64_t nbytes)
      : shares_(std::move(shares)), name_(std::move(name)), at_(at), share_(share), size_(nbytes) {}

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }

  Status CheckUnchanged() const override {
    for (uint64_t offset = 0; offset < size_; offset += share_) {
      for (const ByteSource* source : shares_->sources_[offset / share_]) PTHVIEW_TRY(source->CheckUnchanged());
    }
    return Ok();
  }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) {
      return Error{.code = ErrorCode::kTruncated, .message = "the tensor ends before", .file = name_, .offset = offset};
    }
    while (!out.empty()) {
      const uint64_t within = offset % share_;
      const uint64_t count = std::min<uint64_t>(share_ - within, out.size());
      PTHVIEW_TRY(ReadRow(offset / share_, at_ + within, out.first(count)));
      out = out.subspan(count);
      offset += count;
    }
    return Ok();
  }

 private:
  Status ReadRow(size_t rank, uint64_t from, std::span<std::byte> out) const {
    const FlatRow& row = shares_->rows_[rank];
    for (auto [i, within] = row.Place(from); !out.empty(); ++i, within = 0) {
      const ByteRange& range = row.ranges()[i];
      const uint64_t count = std::min<uint64_t>(range.nbytes - within, out.size());
      PTHVIEW_TRY(shares_->sources_[rank][i]->ReadAt(range.offset + within, out.first(count)));
      out = out.subspan(count);
    }
    return Ok();
  }

  std::shared_ptr<const FlatShares> shares_;
  std::string name_;
  uint64_t at_;
  uint64_t share_;
  uint64_t size_;
};

std::unique_ptr<ByteSource> FlatShares::Parameter(std::shared_ptr<const FlatShares> shares, std::string name,
                                                  uint64_t at, uint64_t share, uint64_t nbytes) {
  return std::make_unique<InterleavedSource>(std::move(shares), std::move(name), at, share, nbytes);
}

}  // namespace pthview
