#include "tools/report/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/pictures/cell_grid.h"
#include "lib/analysis/pictures/color.h"
#include "lib/base/element.h"
#include "lib/model/tensor_data.h"

namespace pthview::report {
namespace {

constexpr int64_t kElementsRead = int64_t{1} << 20;  // a picture of so few cells shows no more of larger ones
constexpr int64_t kLargestKernel = 16;
constexpr int64_t kMostAcross = 8;  // input channels of a filter
constexpr int64_t kLongestLine = 256;

uint8_t ByteOf(double value, double low, double high) {
  if (std::isnan(value)) return kNanByte;
  if (std::isinf(value)) return kInfinityByte;
  // Halves, so that the range of two huge doubles is finite.
  const double range = high / 2 - low / 2;
  const double share = range > 0 ? (value / 2 - low / 2) / range : 0.5;
  return static_cast<uint8_t>(std::lround(std::clamp(share, 0.0, 1.0) * kHighest));
}

// Colours are those of a map that is centred on zero.
void PutBytes(std::span<const double> values, Thumbnail& out) {
  const pictures::ColorRange range = pictures::RobustRange(values, true);
  out.low = range.low;
  out.high = range.high;
  for (double value : values) out.bytes += static_cast<char>(ByteOf(value, range.low, range.high));
}

double ShownOf(const pictures::Cell& cell) {
  if (cell.nans > 0) return std::numeric_limits<double>::quiet_NaN();
  if (cell.infinities > 0) return std::numeric_limits<double>::infinity();
  return cell.Mean();
}

// The first `count` elements, row-major.
Result<std::vector<double>> FirstValues(const Model& model, const Tensor& tensor, int64_t count) {
  PTHVIEW_ASSIGN(const std::vector<std::byte> bytes, ReadElements(model, tensor, 0, count));
  const DType dtype = BlockDType(tensor.dtype);
  std::vector<double> values(bytes.size() / std::max<size_t>(Info(dtype).item_size, 1));
  DecodeToDouble(dtype, bytes.data(), values.size(), values.data());
  return values;
}

bool HasFilters(const Tensor& tensor) {
  return tensor.layout == Layout::kDense && tensor.quantization == kNone && tensor.shape.size() == 4 &&
         Info(tensor.dtype).kind == DTypeClass::kFloat && tensor.shape[2] > 1 && tensor.shape[3] > 1 &&
         tensor.shape[2] <= kLargestKernel && tensor.shape[3] <= kLargestKernel && tensor.numel > 0;
}

// Filters of three input channels as pictures of three colours.
Status PutColors(std::span<const double> values, int64_t filters, Thumbnail& out) {
  const int64_t area = out.rows * out.columns;
  out.kind = Thumbnail::Kind::kColors;
  out.tiles = filters;
  out.across = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(filters))));
  for (int64_t f = 0; f < filters; ++f) {
    const std::span<const double> filter =
        values.subspan(static_cast<size_t>(f * 3 * area), static_cast<size_t>(3 * area));
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (double value : filter) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    for (int64_t pixel = 0; pixel < area; ++pixel) {
      for (int64_t channel = 0; channel < 3; ++channel) {
        out.bytes += static_cast<char>(ByteOf(filter[static_cast<size_t>(channel * area + pixel)], low, high));
      }
    }
  }
  return Ok();
}

Result<Thumbnail> Filters(const Model& model, const Tensor& tensor, int64_t side) {
  Thumbnail out{.rows = tensor.shape[2], .columns = tensor.shape[3]};
  const int64_t area = out.rows * out.columns;
  const int64_t inputs = tensor.shape[1];
  const bool colors = inputs == 3;
  const int64_t across = colors ? 3 : std::min(inputs, kMostAcross);
  const int64_t fits = std::max<int64_t>(side * side / (area * across), 1);
  const int64_t filters = std::min({tensor.shape[0], fits, std::max<int64_t>(kElementsRead / (inputs * area), 1)});
  PTHVIEW_ASSIGN(const std::vector<double> values, FirstValues(model, tensor, filters * inputs * area));
  if (static_cast<int64_t>(values.size()) < filters * inputs * area) return Thumbnail{};
  if (colors) {
    PTHVIEW_TRY(PutColors(values, filters, out));
    out.note = "filters, their three input channels as red, green and blue, each from its least to its largest value";
  } else {
    out.kind = Thumbnail::Kind::kFilters;
    out.tiles = filters * across;
    out.across = across;
    std::vector<double> shown;
    for (int64_t f = 0; f < filters; ++f) {
      const auto begin = values.begin() + f * inputs * area;
      shown.insert(shown.end(), begin, begin + across * area);
    }
    PutBytes(shown, out);
    out.note = "filters, a row each";
    if (across < inputs) out.note += fmt::format(", of the first {} of {} input channels", across, inputs);
  }
  if (filters < tensor.shape[0]) out.note += fmt::format("; the first {} of {}", filters, tensor.shape[0]);
  return out;
}

Result<Thumbnail> Line(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(const pictures::CellGrid grid,
                 pictures::MakeCellGrid(model, tensor, {},
                                        {.most_rows = 1, .most_columns = kLongestLine, .budget = kElementsRead}));
  Thumbnail out{.kind = Thumbnail::Kind::kLine, .rows = 1, .columns = grid.columns, .note = grid.ReductionText()};
  const auto range = grid.MeanRange();
  if (!range) return Thumbnail{};
  std::tie(out.low, out.high) = *range;
  for (const pictures::Cell& cell : grid.cells)
    out.bytes += static_cast<char>(ByteOf(ShownOf(cell), out.low, out.high));
  return out;
}

}  // namespace

Result<Thumbnail> MakeThumbnail(const Model& model, const Tensor& tensor, int64_t side) {
  if (tensor.shape.empty() || tensor.numel < 2 || side == 0) return Thumbnail{};
  if (tensor.shape.size() == 1) return Line(model, tensor);
  if (HasFilters(tensor)) return Filters(model, tensor, side);
  PTHVIEW_ASSIGN(
      const pictures::CellGrid grid,
      pictures::MakeCellGrid(model, tensor, {}, {.most_rows = side, .most_columns = side, .budget = kElementsRead}));
  Thumbnail out{
      .kind = Thumbnail::Kind::kHeatmap, .rows = grid.rows, .columns = grid.columns, .note = grid.ReductionText()};
  std::vector<double> values;
  for (const pictures::Cell& cell : grid.cells) values.push_back(ShownOf(cell));
  PutBytes(values, out);
  return out;
}

}  // namespace pthview::report
