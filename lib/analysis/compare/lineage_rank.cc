#include "lib/analysis/compare/lineage_rank.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "lib/analysis/statistics/spectrum.h"
#include "lib/analysis/statistics/value_reader.h"

namespace pthview {
namespace {

constexpr double kNoise = 0.02;  // of the norm: what rounding the merged weights leaves
// Of a part: its share of the noise may be larger. The smaller half of a random square matrix's singular values, which
// is what has to be told from it, makes a third of the norm.
constexpr double kNoiseOfPart = 0.08;
constexpr int64_t kHighestRank = 128;
constexpr int64_t kPart = 2 * kHighestRank;  // rows and columns

// Every `step`-th of `count` rows or columns, about kPart of them.
int64_t StepOf(int64_t count) { return std::max<int64_t>(1, count / kPart); }
int64_t Taken(int64_t count) { return count / StepOf(count); }

// b - a of every so many rows and columns; what is not finite counts as no change.
Result<std::vector<double>> Difference(const ValueReader& a, const ValueReader& b, const MatrixShape& shape,
                                       int64_t row_step, int64_t column_step) {
  std::vector<double> difference;
  std::vector<double> row;
  auto read = [&](const ValueReader& reader, int64_t at) {
    row.clear();
    return reader.Read(at * shape.columns, shape.columns, [&](const ValueBlock& block) {
      row.insert(row.end(), block.floats.begin(), block.floats.end());
      row.insert(row.end(), block.doubles.begin(), block.doubles.end());
    });
  };
  const int64_t rows = shape.rows / row_step;
  const int64_t columns = shape.columns / column_step;
  difference.reserve(static_cast<size_t>(rows * columns));
  for (int64_t r = 0; r < rows; ++r) {
    PTHVIEW_TRY(read(b, r * row_step));
    const size_t begin = difference.size();
    for (int64_t c = 0; c < columns; ++c) difference.push_back(row[static_cast<size_t>(c * column_step)]);
    PTHVIEW_TRY(read(a, r * row_step));
    for (int64_t c = 0; c < columns; ++c) {
      double& value = difference[begin + static_cast<size_t>(c)];
      value -= row[static_cast<size_t>(c * column_step)];
      if (!std::isfinite(value)) value = 0;
    }
  }
  return difference;
}

}  // namespace

Result<std::optional<int64_t>> RankOfDifference(const Model& model_a, const Tensor& a, const Model& model_b,
                                                const Tensor& b) {
  const auto shape = MatrixShapeOf(a);
  if (!shape) return std::optional<int64_t>();
  PTHVIEW_ASSIGN(ValueReader left, ValueReader::OpenAll(model_a, a));
  PTHVIEW_ASSIGN(ValueReader right, ValueReader::OpenAll(model_b, b));
  if (left.values_per_element() != 1 || right.values_per_element() != 1) return std::optional<int64_t>();
  int64_t most = std::min(std::min(shape->rows, shape->columns) / 4, kHighestRank);
  const int64_t row_step = StepOf(shape->rows);
  const int64_t column_step = StepOf(shape->columns);
  if (row_step > 1 || column_step > 1) {
    PTHVIEW_ASSIGN(std::vector<double> part, Difference(left, right, *shape, row_step, column_step));
    auto found = LowRank(part, Taken(shape->rows), Taken(shape->columns), most, kNoiseOfPart);
    if (!found) return found;
    // The whole has about the rank of a part that has so many more rows and columns than that.
    most = std::min(most, 2 * *found + 16);
  }
  PTHVIEW_ASSIGN(std::vector<double> whole, Difference(left, right, *shape, 1, 1));
  return LowRank(whole, shape->rows, shape->columns, most, kNoise);
}

}  // namespace pthview
