// Matrices as cells.
#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/pictures/panel_parts.h"

namespace pthview::pictures {
namespace {

std::string MatrixRows(const Tensor& tensor, int64_t rows) {
  return fmt::format("rows 0 to {}{}", CountText(rows - 1), tensor.shape.size() > 1 ? " (dimension 0)" : "");
}

std::string MatrixColumns(const Tensor& tensor, int64_t columns) {
  return fmt::format("columns 0 to {} ({})", CountText(columns - 1),
                     tensor.shape.size() > 2   ? fmt::format("dimensions 1 to {}", tensor.shape.size() - 1)
                     : tensor.shape.size() > 1 ? "dimension 1"
                                               : "dimension 0");
}

}  // namespace

Result<Panel> PlotHeatmap(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  PTHVIEW_ASSIGN(
      const CellGrid grid,
      MakeCellGrid(model, tensor, {},
                   {.most_rows = options.most_rows, .most_columns = options.most_columns, .budget = options.budget}));
  Panel panel = BeginPanel(tensor, grid.Total(), grid.sampled ? " (of the sample)" : "");
  const std::vector<double> means = MeansOf(grid);
  const Scale scale = ScaleFor(means, options.colors, "");
  if (grid.Total().count > 0) panel.scale = scale;
  Chart chart{.kind = ChartKind::kCells,
              .x_label = MatrixColumns(tensor, grid.source_columns),
              .y_label = MatrixRows(tensor, grid.source_rows)};
  chart.cells = ColorCells(grid, *scale.map, scale.range);
  chart.aspect = std::clamp(static_cast<double>(grid.source_columns) / static_cast<double>(grid.source_rows), 1.0, 6.0);
  panel.charts.push_back(std::move(chart));
  if (std::string text = grid.ReductionText(); !text.empty()) panel.notes.push_back(text);
  NoteRange(scale, panel);
  NoteValues(tensor, grid, panel);
  return panel;
}

}  // namespace pthview::pictures
