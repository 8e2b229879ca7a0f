#include "lib/analysis/statistics/value_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/analysis/statistics/sparse_entries.h"

namespace pthview {
namespace {

constexpr size_t kMostConstituents = size_t{1} << 16;

}  // namespace

Result<ValueStream> ValueStream::Open(const Model& model, const Tensor& tensor, std::optional<int64_t> axis) {
  ValueStream stream;
  switch (tensor.layout) {
    case Layout::kSparseCoo:
    case Layout::kSparseCsr:
    case Layout::kSparseCsc:
    case Layout::kSparseBsr:
    case Layout::kSparseBsc: PTHVIEW_TRY(stream.OpenSparse(model, tensor, axis)); break;
    case Layout::kNested:
      if (!axis) {
        PTHVIEW_TRY(stream.OpenNested(model, tensor));
        break;
      }
      [[fallthrough]];
    default: PTHVIEW_TRY(stream.AddReader(model, tensor, axis)); break;
  }
  return stream;
}

Status ValueStream::AddReader(const Model& model, const Tensor& tensor, std::optional<int64_t> axis) {
  PTHVIEW_ASSIGN(ValueReader reader, ValueReader::Open(model, tensor, axis));
  starts_.push_back(count_);
  count_ += reader.count();
  repeat_ = reader.repeat();
  channels_ = reader.channels();
  readers_.push_back(std::move(reader));
  return Ok();
}

Status ValueStream::OpenDenseCopy(const Model& model, const Tensor& tensor, std::optional<int64_t> axis) {
  PTHVIEW_ASSIGN(Model made, DenseCopy(model, tensor));
  made_ = std::make_unique<const Model>(std::move(made));
  return AddReader(*made_, made_->tensors.front(), axis);
}

Status ValueStream::OpenSparse(const Model& model, const Tensor& tensor, std::optional<int64_t> axis) {
  if (axis) return OpenDenseCopy(model, tensor, axis);
  PTHVIEW_ASSIGN(SparseEntries entries, ReadSparseEntries(model, tensor));
  if (!entries.unique) {
    auto dense = OpenDenseCopy(model, tensor, axis);
    if (dense || dense.error().code != ErrorCode::kLimit) return dense;
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "tensor '" + std::string(tensor.path) +
                            "' may have several entries at one place, and is too large to add them up",
                 .hint = "save it coalesced: tensor.coalesce()"};
  }
  PTHVIEW_TRY(AddReader(model, *entries.values, {}));
  implicit_zeros_ = tensor.numel - entries.values->numel;
  places_known_ = false;
  return Ok();
}

Status ValueStream::OpenNested(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(std::vector<TensorPart> parts, NestedParts(model, tensor, kMostConstituents));
  size_t all = static_cast<size_t>(tensor.shape.empty() ? 0 : tensor.shape[0]);
  if (parts.size() < all) {
    return Error{.code = ErrorCode::kLimit,
                 .message = "tensor '" + std::string(tensor.path) + "' has " + std::to_string(all) +
                            " constituents, more than the " + std::to_string(kMostConstituents) +
                            " that are looked at"};
  }
  for (TensorPart& part : parts) {
    part.Bind();
    PTHVIEW_TRY(AddReader(model, part.tensor, {}));
    // The file's own nested tensors do not repeat elements; one that does would need its own weight.
    if (repeat_ != 1) {
      return Error{.code = ErrorCode::kUnsupported,
                   .message = "tensor '" + std::string(tensor.path) + "' repeats elements within a constituent"};
    }
  }
  places_known_ = false;
  return Ok();
}

int64_t ValueStream::PlaceOf(int64_t index) const {
  return index < 0 || !places_known_ || readers_.empty() ? -1 : readers_[0].PlaceOf(index);
}

Status ValueStream::Read(int64_t first, int64_t count, const Add& add) const {
  auto reader = static_cast<size_t>(std::ranges::upper_bound(starts_, first) - starts_.begin());
  for (reader = reader == 0 ? 0 : reader - 1; count > 0 && reader < readers_.size(); ++reader) {
    int64_t from = first - starts_[reader];
    int64_t here = std::min(count, readers_[reader].count() - from);
    if (here <= 0) continue;
    int64_t at = first;
    const int64_t per_element = values_per_element();
    PTHVIEW_TRY(readers_[reader].Read(from, here, [&](const ValueBlock& block) {
      add(block, at);
      at += static_cast<int64_t>(block.floats.size() + block.doubles.size()) / per_element;
    }));
    first += here;
    count -= here;
  }
  return Ok();
}

}  // namespace pthview
