// Vectors, and the norms of rows, as lines.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/pictures/panel_parts.h"
#include "lib/analysis/pictures/ticks.h"
#include "lib/analysis/statistics/value_stream.h"

namespace pthview::pictures {
namespace {

constexpr int64_t kMostRows = int64_t{1} << 24;  // of a norm profile: 128 MB

// Each cell is a point, in a band from its block's smallest to its largest value.
Chart LinesOf(std::span<const Cell> cells, double per_cell) {
  Chart chart{.kind = ChartKind::kLines};
  Series series;
  const bool band = per_cell > 1;
  for (size_t i = 0; i < cells.size(); ++i) {
    const double x = per_cell > 1 ? (static_cast<double>(i) + 0.5) * per_cell - 0.5 : static_cast<double>(i);
    series.x.push_back(x);
    series.y.push_back(cells[i].Mean());
    if (band) {
      series.low.push_back(cells[i].count > 0 ? cells[i].min : std::numeric_limits<double>::quiet_NaN());
      series.high.push_back(cells[i].count > 0 ? cells[i].max : std::numeric_limits<double>::quiet_NaN());
    }
    if (cells[i].nans + cells[i].infinities > 0) chart.odd.push_back(x);
  }
  chart.x_low = 0;
  chart.x_high = std::max(0.0, static_cast<double>(cells.size()) * per_cell - 1);
  chart.series.push_back(std::move(series));
  return chart;
}

struct RowNorms {
  std::vector<double> norms;  // NaN where a value is not finite
  Cell values;
};

Result<RowNorms> ReadRowNorms(const Model& model, const Tensor& tensor) {
  const int64_t rows = tensor.shape[0];
  if (rows > kMostRows) {
    return Error{.code = ErrorCode::kLimit,
                 .message = fmt::format("{} rows: norms are drawn of at most {}", rows, kMostRows),
                 .hint = "--kind heatmap"};
  }
  PTHVIEW_ASSIGN(const ValueStream stream, ValueStream::Open(model, tensor, 0));
  RowNorms all;
  std::vector<double> squares(static_cast<size_t>(rows));
  const int64_t per_row = std::max<int64_t>(1, stream.count() / rows);
  auto add = [&](auto values, int64_t at) {
    for (size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<double>(values[i]);
      all.values.Add(value);
      squares[static_cast<size_t>(
          std::min(rows - 1, (at + static_cast<int64_t>(i) / stream.values_per_element()) / per_row))] += value * value;
    }
  };
  PTHVIEW_TRY(stream.Read(0, stream.count(), [&](const ValueBlock& block, int64_t at) {
    block.doubles.empty() ? add(block.floats, at) : add(block.doubles, at);
  }));
  for (double sum : squares) {
    const double norm = std::sqrt(sum * static_cast<double>(stream.repeat()));
    all.norms.push_back(std::isfinite(norm) ? norm : std::numeric_limits<double>::quiet_NaN());
  }
  return all;
}

}  // namespace

Result<Panel> PlotLines(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  PTHVIEW_ASSIGN(
      const CellGrid grid,
      MakeCellGrid(model, tensor, {}, {.most_columns = options.most_columns, .budget = options.budget, .flat = true}));
  Panel panel = BeginPanel(tensor, grid.Total(), grid.sampled ? " (of the sample)" : "");
  const int64_t values = grid.source_columns;
  const int64_t bins = grid.columns;
  Chart chart = LinesOf(grid.cells, static_cast<double>(values) / static_cast<double>(std::max<int64_t>(bins, 1)));
  chart.x_label = tensor.shape.size() > 1 ? "element, in row-major order" : "element";
  panel.charts.push_back(std::move(chart));
  if (values > bins) {
    panel.notes.push_back(fmt::format("line: means of {}{} values each; band: from the smallest to the largest of them",
                                      grid.sampled ? "a sample of about " : "about ", CountText(values / bins)));
  }
  NoteValues(tensor, grid, panel);
  return panel;
}

Result<Panel> PlotNorms(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  if (tensor.shape.size() < 2) {
    return Error{
        .code = ErrorCode::kUsage,
        .message = fmt::format("'{}' has no rows that could have norms: it is {}", tensor.name, TypeText(tensor)),
        .hint = "--kind lines"};
  }
  PTHVIEW_ASSIGN(const RowNorms all, ReadRowNorms(model, tensor));
  Panel panel = BeginPanel(tensor, all.values, "");
  const auto rows = static_cast<int64_t>(all.norms.size());
  const auto bins = std::min<int64_t>(rows, options.most_columns);
  std::vector<Cell> cells(static_cast<size_t>(bins));
  Cell total;
  int64_t zeros = 0;
  size_t largest = 0;
  for (size_t i = 0; i < all.norms.size(); ++i) {
    cells[static_cast<size_t>(static_cast<__int128>(i) * bins / rows)].Add(all.norms[i]);
    total.Add(all.norms[i]);
    zeros += all.norms[i] == 0 ? 1 : 0;
    if (!(all.norms[i] <= all.norms[largest])) largest = std::isfinite(all.norms[i]) ? i : largest;
  }
  Chart chart = LinesOf(cells, static_cast<double>(rows) / static_cast<double>(bins));
  chart.x_label = "row (dimension 0)";
  chart.y_label = "L2 norm";
  panel.charts.push_back(std::move(chart));
  if (total.count > 0) {
    panel.facts.push_back(fmt::format("norms of {} rows: {} to {}, mean {}; the largest is row {}{}", CountText(rows),
                                      NumberText(total.min), NumberText(total.max), NumberText(total.Mean()),
                                      CountText(static_cast<int64_t>(largest)),
                                      zeros == 0   ? ""
                                      : zeros == 1 ? "; one is zero"
                                                   : fmt::format("; {} are zero", CountText(zeros))));
  }
  if (rows > bins) {
    panel.notes.push_back(fmt::format(
        "line: means of about {} rows each; band: from the smallest to the largest of them", CountText(rows / bins)));
  }
  return panel;
}

}  // namespace pthview::pictures
