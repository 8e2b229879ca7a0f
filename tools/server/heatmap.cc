#include "tools/server/heatmap.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/base/element.h"
#include "lib/base/json.h"
#include "lib/model/tensor_data.h"

namespace pthview::server {
namespace {

constexpr int64_t kBudget = int64_t{1} << 24;  // elements that are read

struct Cell {
  double sum = 0;
  int64_t count = 0;
};

class Heatmap {
 public:
  Heatmap(const Model& model, const Tensor& tensor, HeatmapRegion region) : model_(model), tensor_(tensor) {
    int64_t all_rows = tensor.shape.empty() || tensor.shape.size() == 1 ? 1 : tensor.shape[0];
    all_columns_ = all_rows == 0 ? 0 : tensor.numel / all_rows;
    first_row_ = std::clamp<int64_t>(region.row, 0, all_rows);
    first_column_ = std::clamp<int64_t>(region.column, 0, all_columns_);
    source_rows_ = std::clamp<int64_t>(region.rows, 0, all_rows - first_row_);
    source_columns_ = std::clamp<int64_t>(region.columns, 0, all_columns_ - first_column_);
    rows_ = std::min(source_rows_, kHeatmapSide);
    columns_ = std::min(source_columns_, kHeatmapSide);
    cells_.resize(static_cast<size_t>(rows_ * columns_));
  }

  bool sampled() const { return source_rows_ * source_columns_ > kBudget; }

  Status Read() {
    if (cells_.empty()) return Ok();
    if (!sampled()) {
      if (source_columns_ == all_columns_) return ReadRun(0, source_rows_ * source_columns_);
      for (int64_t row = 0; row < source_rows_; ++row) PTHVIEW_TRY(ReadRun(row * source_columns_, source_columns_));
      return Ok();
    }
    // A cell may read this many elements; spread over rows of its block where a row of it is shorter.
    int64_t per_cell = kBudget / (rows_ * columns_);
    int64_t block_columns = source_columns_ / columns_;
    int64_t run = std::min(block_columns, per_cell);
    int64_t block_rows = std::max<int64_t>(1, source_rows_ / rows_);
    int64_t sampled_rows = std::clamp<int64_t>(per_cell / run, 1, block_rows);
    for (int64_t row = 0; row < rows_; ++row) {
      int64_t from = Edge(row, source_rows_, rows_);
      for (int64_t i = 0; i < sampled_rows; ++i) {
        int64_t start = (from + i * block_rows / sampled_rows) * source_columns_;
        if (run == block_columns) {
          PTHVIEW_TRY(ReadRun(start, source_columns_));
          continue;
        }
        for (int64_t column = 0; column < columns_; ++column) {
          PTHVIEW_TRY(ReadRun(start + Edge(column, source_columns_, columns_), run));
        }
      }
    }
    return Ok();
  }

  std::string Json() const {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (const Cell& cell : cells_) {
      if (cell.count == 0) continue;
      low = std::min(low, cell.sum / static_cast<double>(cell.count));
      high = std::max(high, cell.sum / static_cast<double>(cell.count));
    }
    if (low > high) low = high = std::numeric_limits<double>::quiet_NaN();
    std::string text;
    JsonWriter json(&text);
    json.BeginObject();
    json.Key("rows").Int(rows_).Key("columns").Int(columns_);
    json.Key("low").Double(low).Key("high").Double(high);
    json.Key("values").BeginArray();
    for (const Cell& cell : cells_) {
      if (cell.count == 0) {
        json.String("NaN");
        continue;
      }
      // Six digits are more than a colour shows, and a third of a double's text.
      char number[40];
      char* end = std::to_chars(number, number + sizeof(number), cell.sum / static_cast<double>(cell.count),
                                std::chars_format::general, 6)
                      .ptr;
      json.Raw({number, static_cast<size_t>(end - number)});
    }
    json.EndArray();
    json.Key("sampled").Bool(sampled());
    json.EndObject();
    return text;
  }

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
    int64_t start = (first_row_ + first / source_columns_) * all_columns_ + first_column_ + first % source_columns_;
    DType dtype = BlockDType(tensor_.dtype);
    return ForEachBlock(
        model_, tensor_,
        [&](std::span<const std::byte> bytes) -> Status {
          auto elements = static_cast<int64_t>(bytes.size() / std::max<size_t>(Info(dtype).item_size, 1));
          elements = std::min(elements, first + count - at);
          if (elements <= 0) return Ok();
          decoded_.resize(static_cast<size_t>(elements));
          DecodeToDouble(dtype, bytes.data(), decoded_.size(), decoded_.data());
          Add(at, decoded_);
          at += elements;
          return Ok();
        },
        start, count);
  }

  // Element by element would divide for each; here a run that stays within one cell is summed at once.
  void Add(int64_t first, std::span<const double> values) {
    while (!values.empty()) {
      int64_t row = first / source_columns_;
      int64_t column = first % source_columns_;
      int64_t cell_row = CellOf(row, source_rows_, rows_);
      int64_t cell_column = CellOf(column, source_columns_, columns_);
      int64_t end = cell_column + 1 < columns_ ? Edge(cell_column + 1, source_columns_, columns_) : source_columns_;
      size_t run = std::min(values.size(), static_cast<size_t>(std::max<int64_t>(1, end - column)));
      Cell& cell = cells_[static_cast<size_t>(cell_row * columns_ + cell_column)];
      for (double value : values.first(run)) {
        if (!std::isfinite(value)) continue;
        cell.sum += value;
        ++cell.count;
      }
      first += static_cast<int64_t>(run);
      values = values.subspan(run);
    }
  }

  const Model& model_;
  const Tensor& tensor_;
  int64_t all_columns_ = 0;  // of the whole matrix
  int64_t first_row_ = 0;    // of the region in it
  int64_t first_column_ = 0;
  int64_t source_rows_ = 1;  // of the region
  int64_t source_columns_ = 0;
  int64_t rows_ = 0;
  int64_t columns_ = 0;
  std::vector<Cell> cells_;
  std::vector<double> decoded_;
};

}  // namespace

Result<std::string> HeatmapJson(const Model& model, uint64_t index, HeatmapRegion region) {
  if (index >= model.tensors.size()) {
    return Error{.code = ErrorCode::kNotFound, .message = "there is no tensor " + std::to_string(index)};
  }
  const Tensor& listed = model.tensors[index];
  std::optional<Model> made;
  if (listed.layout >= Layout::kSparseCoo && listed.layout <= Layout::kSparseBsc) {
    PTHVIEW_ASSIGN(made, DenseCopy(model, listed));
  }
  if (listed.dtype == DType::kFloat4E2M1FNx2) {
    return Error{.code = ErrorCode::kUnsupported, .message = "an element of this type is a pair of numbers"};
  }
  Heatmap heatmap(made ? *made : model, made ? made->tensors.front() : listed, region);
  PTHVIEW_TRY(heatmap.Read());
  return heatmap.Json();
}

}  // namespace pthview::server
