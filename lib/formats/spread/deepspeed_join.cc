#include "lib/formats/spread/deepspeed_join.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "lib/base/checked.h"
#include "lib/formats/spread/pieces.h"
#include "lib/formats/spread/stitch.h"

namespace pthview {
namespace {

Status Ended(const std::string& name, uint64_t offset) {
  return Error{.code = ErrorCode::kTruncated, .message = "the tensor ends before", .file = name, .offset = offset};
}

// The box [from, from + sizes) of a row-major tensor, row-major.
class CroppedSource : public ByteSource {
 public:
  CroppedSource(std::shared_ptr<const ByteSource> whole, const Shape& shape, uint64_t item_size, const SliceBox& box)
      : whole_(std::move(whole)), size_(item_size), run_(item_size) {
    uint64_t stride = item_size;
    bool joined = true;  // all dimensions behind this one are taken whole
    for (size_t i = shape.size(); i-- > 0;) {
      auto size = static_cast<uint64_t>(box.sizes[i]);
      first_ += stride * static_cast<uint64_t>(box.from[i]);
      if (joined) {
        run_ *= size;
      } else {
        outer_.insert(outer_.begin(), {size, stride});
      }
      joined = joined && box.sizes[i] == shape[i];
      size_ *= size;
      stride *= static_cast<uint64_t>(shape[i]);
    }
  }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return whole_->name(); }
  Status CheckUnchanged() const override { return whole_->CheckUnchanged(); }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) return Ended(name(), offset);
    while (!out.empty()) {
      uint64_t within = offset % run_;
      uint64_t count = std::min<uint64_t>(run_ - within, out.size());
      PTHVIEW_TRY(whole_->ReadAt(StartOf(offset / run_) + within, out.first(count)));
      out = out.subspan(count);
      offset += count;
    }
    return Ok();
  }

 private:
  struct Dimension {
    uint64_t size;
    uint64_t stride;  // in bytes
  };

  uint64_t StartOf(uint64_t run) const {
    uint64_t at = first_;
    for (size_t i = outer_.size(); i-- > 0;) {
      at += run % outer_[i].size * outer_[i].stride;
      run /= outer_[i].size;
    }
    return at;
  }

  std::shared_ptr<const ByteSource> whole_;  // of other boxes too
  uint64_t size_;
  uint64_t run_;  // bytes that are contiguous in the whole
  uint64_t first_ = 0;
  std::vector<Dimension> outer_;
};

// The mean of float32 tensors, element by element, as sum(tensors) / len(tensors) has it in torch.
class MeanSource : public ByteSource {
 public:
  MeanSource(std::string name, std::vector<std::unique_ptr<ByteSource>> sources)
      : name_(std::move(name)), sources_(std::move(sources)) {}

  uint64_t size() const override { return sources_[0]->size(); }
  const std::string& name() const override { return name_; }

  Status CheckUnchanged() const override {
    for (const auto& source : sources_) PTHVIEW_TRY(source->CheckUnchanged());
    return Ok();
  }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size() || out.size() > size() - offset) return Ended(name_, offset);
    std::array<float, 4096> sums;
    std::array<float, 4096> terms;
    while (!out.empty()) {
      uint64_t first = offset / 4 * 4;
      const uint64_t wanted = (offset - first + out.size() + 3) / 4;
      auto count = static_cast<size_t>(std::min<uint64_t>(wanted, sums.size()));
      std::fill_n(sums.begin(), count, 0.0F);
      for (const auto& source : sources_) {
        PTHVIEW_TRY(source->ReadAt(first, std::as_writable_bytes(std::span(terms).first(count))));
        for (size_t i = 0; i < count; ++i) sums[i] += terms[i];
      }
      for (size_t i = 0; i < count; ++i) sums[i] /= static_cast<float>(sources_.size());
      size_t skipped = static_cast<size_t>(offset - first);
      size_t taken = std::min(count * 4 - skipped, out.size());
      std::memcpy(out.data(), reinterpret_cast<const std::byte*>(sums.data()) + skipped, taken);
      out = out.subspan(taken);
      offset += taken;
    }
    return Ok();
  }

 private:
  std::string name_;
  std::vector<std::unique_ptr<ByteSource>> sources_;
};

Error Fault(std::string clause) { return {.code = ErrorCode::kUnsupported, .message = std::move(clause)}; }

}  // namespace

std::unique_ptr<ByteSource> SourceOf(const Model& model, const std::string& name, const DeepSpeedParameter& parameter) {
  if (parameter.shares != nullptr) {
    return FlatShares::Parameter(parameter.shares, name, parameter.at, parameter.share, parameter.nbytes);
  }
  if (parameter.pieces.empty()) return nullptr;
  std::vector<Piece> pieces;
  pieces.reserve(parameter.pieces.size());
  for (const ByteRange& piece : parameter.pieces) {
    pieces.push_back({model.sources[piece.source].get(), piece.offset, piece.nbytes});
  }
  return Join(name, std::move(pieces));
}

Result<std::unique_ptr<ByteSource>> JoinSlices(const Model& model, const std::string& name, const JoinPlan& plan,
                                               std::span<const DeepSpeedParameter* const> slices,
                                               DeepSpeedParameter& parameter) {
  bool data = true;
  for (const DeepSpeedParameter* slice : slices) {
    data = data && slice->HasData();
    if (slice->dtype != slices[0]->dtype) return Fault("the ranks have it in different types");
    if (BytesFor(slice->dtype, CheckedNumel(slice->shape).value_or(-1)) != slice->nbytes) {
      return Fault("a rank's share has another size than its shape");
    }
  }
  const bool mean = plan.kind == JoinPlan::kMean;
  if (mean && slices[0]->dtype != DType::kFloat32) return Fault("a mean is taken of float32 alone");
  parameter.name = slices[0]->name;
  parameter.dtype = slices[0]->dtype;
  parameter.shape = mean ? slices[0]->shape : plan.parts.shape;
  auto nbytes = BytesFor(parameter.dtype, CheckedNumel(parameter.shape).value_or(-1));
  if (!nbytes || Info(parameter.dtype).items_per_byte != 1) return Fault("its type cannot be joined");
  parameter.nbytes = *nbytes;
  std::vector<std::unique_ptr<ByteSource>> means;
  if (mean) {
    if (!data || *nbytes == 0) return nullptr;
    for (const DeepSpeedParameter* slice : slices) means.push_back(SourceOf(model, name, *slice));
    return std::make_unique<MeanSource>(name, std::move(means));
  }
  std::vector<StitchBox> boxes;
  std::vector<std::shared_ptr<const ByteSource>> whole(slices.size());  // of slices in several boxes
  for (const SliceBox& box : plan.parts.boxes) {
    if (CheckedNumel(box.sizes).value_or(0) == 0) continue;
    const DeepSpeedParameter& slice = *slices[box.slice];
    std::unique_ptr<ByteSource> bytes;
    if (data && box.sizes == slice.shape) {
      bytes = SourceOf(model, name, slice);
    } else if (data) {
      auto& from = whole[box.slice];
      if (from == nullptr) from = SourceOf(model, name, slice);
      bytes = std::make_unique<CroppedSource>(from, slice.shape, Info(slice.dtype).item_size, box);
    }
    boxes.push_back({box.to, box.sizes, std::move(bytes)});
  }
  if (!data || *nbytes == 0) return nullptr;
  return Stitch(name, parameter.shape, Info(parameter.dtype).item_size, std::move(boxes));
}

}  // namespace pthview
