#include "lib/formats/spread/deepspeed_boxes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/base/checked.h"
#include "lib/formats/spread/stitch.h"

namespace pthview {
namespace {

using pickle::Kind;
using pickle::Value;

Error Fault(std::string clause) { return {.code = ErrorCode::kUnsupported, .message = std::move(clause)}; }

// The place of the element at `offset` of a row-major tensor; nullopt outside of it.
std::optional<Shape> PlaceOf(const Shape& shape, int64_t offset) {
  Shape place(shape.size());
  if (offset < 0) return std::nullopt;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return std::nullopt;
    place[i] = offset % shape[i];
    offset /= shape[i];
  }
  if (offset != 0) return std::nullopt;
  return place;
}

// As torch.as_strided takes them.
struct View {
  int64_t offset = 0;
  Shape strides;
};

// Where a view of a row-major tensor of `shape` begins, when it is a box of it; sizes of one have any stride.
std::optional<Shape> BoxAt(const Shape& shape, const Shape& sizes, const View& view) {
  auto place = PlaceOf(shape, view.offset);
  if (!place || sizes.size() != shape.size() || view.strides.size() != shape.size()) return std::nullopt;
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (sizes[i] > 1 && view.strides[i] != stride) return std::nullopt;
    if (sizes[i] > shape[i] - (*place)[i]) return std::nullopt;
    stride *= shape[i];
  }
  return place;
}

class AffineReader {
 public:
  AffineReader(DeepSpeedFile& file, Value map, std::span<const Shape> slices, const MapBudget& left)
      : file_(file), map_(map), slices_(slices), left_(left) {}

  Result<SliceBoxes> Read() {
    auto shape = IntsOf(map_, "logical_shape");
    const Value* ranks = file_.Find(map_, "ranks");
    if (!shape || !CheckedNumel(*shape) || ranks == nullptr) return Fault("its affine map has no shape or no ranks");
    found_.shape = std::move(*shape);
    auto pairs = file_.values.Pairs(*ranks).value_or(std::span<const pickle::Pair>());
    for (const auto& [rank, held] : pairs) {
      if (!rank.Is(Kind::kInt) || rank.integer < 0 || static_cast<uint64_t>(rank.integer) >= slices_.size()) {
        return Fault("its affine map speaks of a rank that is not there");
      }
      PTHVIEW_TRY(ReadRank(static_cast<size_t>(rank.integer), held));
    }
    std::vector<StitchBox> boxes;
    boxes.reserve(found_.boxes.size());
    for (const SliceBox& box : found_.boxes) boxes.push_back({box.to, box.sizes, nullptr});
    if (auto fault = CoverFault(found_.shape, boxes, left_.steps)) return Fault("of its slices: " + *fault);
    return std::move(found_);
  }

 private:
  std::optional<Shape> IntsOf(Value dict, std::string_view key) {
    const Value* value = file_.Find(dict, key);
    return value != nullptr ? file_.Ints(*value) : std::nullopt;
  }
  std::optional<View> ViewOf(Value piece, std::string_view key) {
    const Value* value = file_.Find(piece, key);
    auto pair = value != nullptr ? file_.values.Items(*value) : std::nullopt;
    if (!pair || pair->size() != 2) return std::nullopt;
    auto offset = file_.Int((*pair)[0]);
    auto strides = file_.Ints((*pair)[1]);
    if (!offset || !strides) return std::nullopt;
    return View{*offset, std::move(*strides)};
  }

  Status ReadRank(size_t rank, Value held) {
    const Shape& slice = slices_[rank];
    if (IntsOf(held, "shard_shape") != slice) return Fault("its affine map gives a rank's slice another shape");
    const Value* pieces = file_.Find(held, "pieces");
    auto items = pieces != nullptr ? file_.values.Items(*pieces) : std::nullopt;
    if (!items) return Fault("its affine map has a rank without pieces");
    for (Value piece : *items) {
      // Several maps may name one list of pieces. Each has a handful of lists as long as the shape.
      PTHVIEW_TRY(Spend(64 + 8 * slice.size()));
      auto sizes = IntsOf(piece, "shape");
      auto numel = sizes ? CheckedNumel(*sizes) : std::nullopt;
      auto in_whole = ViewOf(piece, "source");
      auto in_slice = ViewOf(piece, "dest");
      if (!numel || !in_whole || !in_slice) return Fault("its affine map has a piece that is not whole");
      if (*numel == 0) continue;
      const Value* scale = file_.Find(piece, "scale");
      bool as_it_is = scale == nullptr || (scale->Is(Kind::kFloat) && scale->real == 1.0) ||
                      (scale->Is(Kind::kInt) && scale->integer == 1);
      if (!as_it_is) return Fault("its affine map scales it");
      auto to = BoxAt(found_.shape, *sizes, *in_whole);
      auto from = BoxAt(slice, *sizes, *in_slice);
      if (!to || !from) return Fault("its affine map has pieces that are no boxes");
      // Of a piece that several ranks have, the first one's counts.
      PTHVIEW_ASSIGN(const bool held_before, HeldBefore(piece, static_cast<int64_t>(rank)));
      if (held_before) continue;
      if (*left_.boxes == 0) return Fault("the parameters have more slices than any real ones");
      --*left_.boxes;
      found_.boxes.push_back({rank, std::move(*from), std::move(*to), std::move(*sizes)});
    }
    return Ok();
  }

  Result<bool> HeldBefore(Value piece, int64_t rank) {
    const Value* locations = file_.Find(piece, "locations");
    auto holders = locations != nullptr ? file_.values.Items(*locations) : std::nullopt;
    if (!holders) return false;
    PTHVIEW_TRY(Spend(holders->size()));
    return std::ranges::any_of(*holders, [&](Value holder) { return holder.Is(Kind::kInt) && holder.integer < rank; });
  }

  Status Spend(uint64_t steps) {
    if (steps > *left_.steps) return Fault("the affine maps have more pieces than any real ones");
    *left_.steps -= steps;
    return Ok();
  }

  DeepSpeedFile& file_;
  Value map_;
  std::span<const Shape> slices_;
  MapBudget left_;
  SliceBoxes found_;
};

}  // namespace

Result<SliceBoxes> BoxesAlong(std::span<const Shape> slices, int64_t dim,
                              const std::vector<std::vector<int64_t>>& widths) {
  SliceBoxes found{.shape = slices[0]};
  if (dim < 0 || static_cast<size_t>(dim) >= found.shape.size()) {
    return Fault(fmt::format("it has no dimension {} to be joined along", dim));
  }
  auto along = static_cast<size_t>(dim);
  for (size_t rank = 0; rank < slices.size(); ++rank) {
    Shape rest = slices[rank];
    if (rest.size() == found.shape.size()) rest[along] = found.shape[along];
    if (rest != found.shape) {
      return Fault(fmt::format("the ranks' shapes [{}] and [{}] do not join along dimension {}",
                               fmt::join(slices[0], ", "), fmt::join(slices[rank], ", "), dim));
    }
    int64_t sum = 0;
    for (const auto& part : widths) {
      auto next = part.size() == slices.size() && part[rank] >= 0 ? CheckedAdd(sum, part[rank]) : std::nullopt;
      if (!next) return Fault("its parts' widths are none");
      sum = *next;
    }
    if (sum != slices[rank][along]) {
      return Fault(
          fmt::format("rank {} has {} along dimension {}, and its parts {}", rank, slices[rank][along], dim, sum));
    }
  }
  int64_t at = 0;
  std::vector<int64_t> within(slices.size());
  for (const auto& part : widths) {
    for (size_t rank = 0; rank < slices.size(); ++rank) {
      SliceBox box{
          .slice = rank, .from = Shape(slices[0].size()), .to = Shape(slices[0].size()), .sizes = slices[rank]};
      box.sizes[along] = part[rank];
      box.from[along] = within[rank];
      box.to[along] = at;
      auto next = CheckedAdd(at, part[rank]);
      if (!next) return Fault("its parts' widths are none");
      at = *next;
      within[rank] += part[rank];
      found.boxes.push_back(std::move(box));
    }
  }
  found.shape[along] = at;
  if (!CheckedNumel(found.shape)) return Fault("the whole would be too large");
  return found;
}

Result<SliceBoxes> BoxesOfAffineMap(DeepSpeedFile& file, Value map, std::span<const Shape> slices,
                                    const MapBudget& left) {
  return AffineReader(file, map, slices, left).Read();
}

}  // namespace pthview
