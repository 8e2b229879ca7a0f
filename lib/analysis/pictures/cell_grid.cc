#include "lib/analysis/pictures/cell_grid.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/base/element.h"
#include "lib/model/tensor_data.h"

namespace pthview::pictures {
namespace {

constexpr int64_t kMostScales = int64_t{1} << 20;
constexpr int64_t kMostRuns = int64_t{1} << 17;  // reads of a sample: each costs as much as some hundred elements

// Codes as values: (code - zero_points[r]) * scales[r], r the row of the matrix, or 0 where there is one for all.
struct Scales {
  std::vector<double> scales;
  std::vector<double> zero_points;

  double Value(double code, int64_t row) const {
    if (scales.empty()) return code;
    const size_t at = scales.size() == 1 ? 0 : static_cast<size_t>(row);
    return (code - zero_points[at]) * scales[at];
  }
};

Result<std::vector<double>> ReadAll(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(const std::vector<std::byte> bytes, ReadElements(model, tensor, 0, tensor.numel));
  std::vector<double> values(static_cast<size_t>(tensor.numel));
  DecodeToDouble(BlockDType(tensor.dtype), bytes.data(), values.size(), values.data());
  return values;
}

class Reducer {
 public:
  Reducer(const Model& model, const Tensor& tensor, const GridRegion& region, const GridOptions& options)
      : model_(model), tensor_(tensor), budget_(std::max<int64_t>(options.budget, 1)), flat_(options.flat) {
    int64_t all_rows = tensor.shape.size() < 2 || options.flat ? 1 : tensor.shape[0];
    all_columns_ = all_rows == 0 ? 0 : tensor.numel / all_rows;
    first_row_ = std::clamp<int64_t>(region.row, 0, all_rows);
    first_column_ = std::clamp<int64_t>(region.column, 0, all_columns_);
    grid_.source_rows = std::clamp<int64_t>(region.rows, 0, all_rows - first_row_);
    grid_.source_columns = std::clamp<int64_t>(region.columns, 0, all_columns_ - first_column_);
    grid_.rows = std::min(grid_.source_rows, options.most_rows);
    grid_.columns = std::min(grid_.source_columns, options.most_columns);
    grid_.sampled = grid_.source_rows > 0 && grid_.source_columns > budget_ / grid_.source_rows;
    grid_.magnitudes = Info(tensor.dtype).kind == DTypeClass::kComplex;
    grid_.cells.resize(static_cast<size_t>(grid_.rows * grid_.columns));
  }

  Status ReadScales() {
    if (tensor_.quantization == kNone) return Ok();
    const Quantization& q = model_.quantizations[tensor_.quantization];
    if (!q.per_channel) {
      scales_ = {{q.scale}, {static_cast<double>(q.zero_point)}};
      return Ok();
    }
    const bool by_row = q.axis == 0 && !flat_ && tensor_.shape.size() > 1 && q.scales != kNone &&
                        q.zero_points != kNone && model_.components[q.scales].numel == tensor_.shape[0] &&
                        model_.components[q.zero_points].numel == tensor_.shape[0] && tensor_.shape[0] <= kMostScales;
    grid_.codes = !by_row;
    if (!by_row) return Ok();
    PTHVIEW_ASSIGN(scales_.scales, ReadAll(model_, model_.components[q.scales]));
    PTHVIEW_ASSIGN(scales_.zero_points, ReadAll(model_, model_.components[q.zero_points]));
    return Ok();
  }

  Status Read() {
    if (grid_.cells.empty()) return Ok();
    if (!grid_.sampled) {
      if (grid_.source_columns == all_columns_) return ReadRun(0, grid_.source_rows * grid_.source_columns);
      for (int64_t row = 0; row < grid_.source_rows; ++row) {
        PTHVIEW_TRY(ReadRun(row * grid_.source_columns, grid_.source_columns));
      }
      return Ok();
    }
    // A cell may read this many elements; spread over rows of its block where a row of it is shorter.
    int64_t per_cell = std::max<int64_t>(1, budget_ / (grid_.rows * grid_.columns));
    int64_t block_columns = grid_.source_columns / grid_.columns;
    int64_t run = std::min(block_columns, per_cell);
    int64_t block_rows = std::max<int64_t>(1, grid_.source_rows / grid_.rows);
    int64_t runs_in_row = grid_.rows * (run == block_columns ? 1 : grid_.columns);
    int64_t sampled_rows = std::clamp<int64_t>(std::min(per_cell / run, kMostRuns / runs_in_row), 1, block_rows);
    for (int64_t row = 0; row < grid_.rows; ++row) {
      int64_t from = Edge(row, grid_.source_rows, grid_.rows);
      for (int64_t i = 0; i < sampled_rows; ++i) {
        int64_t start = (from + i * block_rows / sampled_rows) * grid_.source_columns;
        if (run == block_columns) {
          PTHVIEW_TRY(ReadRun(start, grid_.source_columns));
          continue;
        }
        for (int64_t column = 0; column < grid_.columns; ++column) {
          PTHVIEW_TRY(ReadRun(start + Edge(column, grid_.source_columns, grid_.columns), run));
        }
      }
    }
    return Ok();
  }

  CellGrid Take() { return std::move(grid_); }

 private:
  // The first source row (or column) of cell `i`: cells divide the source evenly.
  static int64_t Edge(int64_t i, int64_t source, int64_t cells) {
    return static_cast<int64_t>(static_cast<__int128>(i) * source / cells);
  }
  // The cell that holds source row (or column) `i`: the last one whose edge is not past it, that is the greatest c
  // with floor(c * source / cells) <= i, or c * source < (i + 1) * cells.
  static int64_t CellOf(int64_t i, int64_t source, int64_t cells) {
    return static_cast<int64_t>((static_cast<__int128>(i + 1) * cells - 1) / source);
  }

  // `first` and `count` are of the region's elements. Of a region that is narrower than the matrix a run stays within
  // one row.
  Status ReadRun(int64_t first, int64_t count) {
    int64_t at = first;
    int64_t start =
        (first_row_ + first / grid_.source_columns) * all_columns_ + first_column_ + first % grid_.source_columns;
    DType dtype = BlockDType(tensor_.dtype);
    return ForEachBlock(
        model_, tensor_,
        [&](std::span<const std::byte> bytes) -> Status {
          auto elements = static_cast<int64_t>(bytes.size() / std::max<size_t>(Info(dtype).item_size, 1));
          elements = std::min(elements, first + count - at);
          if (elements <= 0) return Ok();
          decoded_.resize(static_cast<size_t>(elements));
          DecodeToDouble(dtype, bytes.data(), decoded_.size(), decoded_.data());
          AddRun(at, decoded_);
          at += elements;
          return Ok();
        },
        start, count);
  }

  // Element by element would divide for each; here a run that stays within one cell is added at once.
  void AddRun(int64_t first, std::span<const double> values) {
    while (!values.empty()) {
      int64_t row = first / grid_.source_columns;
      int64_t column = first % grid_.source_columns;
      int64_t cell_row = CellOf(row, grid_.source_rows, grid_.rows);
      int64_t cell_column = CellOf(column, grid_.source_columns, grid_.columns);
      int64_t end = cell_column + 1 < grid_.columns ? Edge(cell_column + 1, grid_.source_columns, grid_.columns)
                                                    : grid_.source_columns;
      size_t run = std::min(values.size(), static_cast<size_t>(std::max<int64_t>(1, end - column)));
      Cell& cell = grid_.cells[static_cast<size_t>(cell_row * grid_.columns + cell_column)];
      for (double value : values.first(run)) cell.Add(scales_.Value(value, first_row_ + row));
      first += static_cast<int64_t>(run);
      values = values.subspan(run);
    }
  }

  const Model& model_;
  const Tensor& tensor_;
  int64_t budget_;
  bool flat_;
  int64_t all_columns_ = 0;  // of the whole matrix
  int64_t first_row_ = 0;    // of the region in it
  int64_t first_column_ = 0;
  CellGrid grid_;
  Scales scales_;
  std::vector<double> decoded_;
};

// "2", "2.5": how many source rows (columns) a cell has.
std::string Ratio(int64_t source, int64_t cells) {
  const double ratio = static_cast<double>(source) / static_cast<double>(std::max<int64_t>(cells, 1));
  return source % std::max<int64_t>(cells, 1) == 0 ? fmt::format("{}", source / cells) : fmt::format("{:.1f}", ratio);
}

}  // namespace

void Cell::Add(double value) {
  if (!std::isfinite(value)) {
    (std::isnan(value) ? nans : infinities) += 1;
    return;
  }
  sum += value;
  squares += value * value;
  min = std::min(min, value);
  max = std::max(max, value);
  ++count;
}

void Cell::Merge(const Cell& other) {
  sum += other.sum;
  squares += other.squares;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  count += other.count;
  nans += other.nans;
  infinities += other.infinities;
}

Cell CellGrid::Total() const {
  Cell all;
  for (const Cell& cell : cells) all.Merge(cell);
  return all;
}

std::optional<std::pair<double, double>> CellGrid::MeanRange() const {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Cell& cell : cells) {
    if (cell.count == 0) continue;
    low = std::min(low, cell.Mean());
    high = std::max(high, cell.Mean());
  }
  if (low > high) return std::nullopt;
  return std::pair{low, high};
}

std::string CellGrid::ReductionText() const {
  if (!reduced()) return "";
  const std::string about = source_rows % rows == 0 && source_columns % columns == 0 ? "" : "about ";
  const std::string block = rows == source_rows && source_rows == 1
                                ? Ratio(source_columns, columns)
                                : Ratio(source_rows, rows) + " x " + Ratio(source_columns, columns);
  if (!sampled) return fmt::format("each cell is the mean of {}{} values", about, block);
  const Cell all = Total();
  const int64_t read = (all.count + all.nans + all.infinities) / std::max<int64_t>(rows * columns, 1);
  return fmt::format("each cell is the mean of a sample: {} of {}{} values, evenly spread", read, about, block);
}

Result<CellGrid> MakeCellGrid(const Model& model, const Tensor& listed, const GridRegion& region,
                              const GridOptions& options) {
  std::optional<Model> made;
  if (listed.layout >= Layout::kSparseCoo && listed.layout <= Layout::kSparseBsc) {
    PTHVIEW_ASSIGN(made, DenseCopy(model, listed));
  }
  if (listed.dtype == DType::kFloat4E2M1FNx2) {
    return Error{.code = ErrorCode::kUnsupported, .message = "an element of this type is a pair of numbers"};
  }
  Reducer reducer(made ? *made : model, made ? made->tensors.front() : listed, region, options);
  if (options.dequantize) PTHVIEW_TRY(reducer.ReadScales());
  PTHVIEW_TRY(reducer.Read());
  return reducer.Take();
}

}  // namespace pthview::pictures
