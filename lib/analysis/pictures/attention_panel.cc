// Projections of attentions, a picture a head.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/pictures/attention.h"
#include "lib/analysis/pictures/panel_parts.h"
#include "lib/analysis/pictures/ticks.h"

namespace pthview::pictures {

Result<Panel> PlotAttention(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  const std::optional<AttentionRole> known = AttentionRoleOf(model, tensor);
  if (tensor.shape.size() != 2 || (!known && options.heads == 0)) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("'{}' has not the name of a projection of an attention", tensor.name),
                 .hint = "--heads N cuts any matrix into N heads of rows"};
  }
  const AttentionRole role = known.value_or(AttentionRole{});
  PTHVIEW_ASSIGN(const HeadCount heads, CountHeads(model, tensor, role, options.heads));
  HeadParts split = SplitHeads(tensor, role, heads.count);
  const size_t all = split.parts.size();
  constexpr size_t kMostParts = 96;
  if (split.parts.size() > kMostParts) split.parts.resize(kMostParts);
  const bool tall = split.parts[0].region.columns != INT64_MAX;
  const auto count = static_cast<int64_t>(split.parts.size());
  if (split.columns == 0) split.columns = std::min<int64_t>(count, tall ? 4 : count > 16 ? 4 : count > 4 ? 3 : 2);
  const int64_t down = (count + split.columns - 1) / split.columns;
  const GridOptions grid_options{
      .most_rows = std::max<int64_t>(4, std::min<int64_t>(options.most_rows / down, tall ? 96 : 48)),
      .most_columns = std::max<int64_t>(4, options.most_columns / split.columns),
      .budget = std::max<int64_t>(options.budget / count, 1)};
  std::vector<CellGrid> grids;
  std::vector<double> means;
  Cell total;
  for (const HeadPart& part : split.parts) {
    PTHVIEW_ASSIGN(CellGrid grid, MakeCellGrid(model, tensor, part.region, grid_options));
    const std::vector<double> more = MeansOf(grid);
    means.insert(means.end(), more.begin(), more.end());
    total.Merge(grid.Total());
    grids.push_back(std::move(grid));
  }
  Panel panel = BeginPanel(tensor, total,
                           grids[0].sampled   ? " (of the sample)"
                           : all > kMostParts ? " (of what is shown)"
                                              : "");
  panel.scale = ScaleFor(means, options.colors, "");
  panel.columns = split.columns;
  for (size_t i = 0; i < grids.size(); ++i) {
    const Cell sum = grids[i].Total();
    Chart chart{.kind = ChartKind::kCells};
    chart.caption = split.parts[i].name;
    if (!grids[i].sampled) chart.caption += fmt::format("   norm {}", NumberText(std::sqrt(sum.squares)));
    chart.cells = ColorCells(grids[i], *panel.scale->map, panel.scale->range);
    chart.aspect = tall ? 0.9 : 3;
    chart.tiles = true;
    panel.charts.push_back(std::move(chart));
  }
  const std::string many = fmt::format("{} head{}", heads.count, heads.count == 1 ? "" : "s");
  panel.notes.push_back(heads.assumed        ? fmt::format("{}: assumed from the size; --heads N says otherwise", many)
                        : heads.from.empty() ? many
                                             : fmt::format("{}, as {} says", many, heads.from));
  if (!known) panel.notes.emplace_back("each head is taken to be consecutive rows");
  if (all > kMostParts) panel.notes.push_back(fmt::format("the first {} of {} parts are shown", kMostParts, all));
  if (std::string text = grids[0].ReductionText(); !text.empty()) panel.notes.push_back(text);
  NoteRange(*panel.scale, panel);
  NoteValues(tensor, grids[0], panel);
  return panel;
}

}  // namespace pthview::pictures
