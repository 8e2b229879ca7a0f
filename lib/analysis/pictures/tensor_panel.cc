#include "lib/analysis/pictures/tensor_panel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/pictures/attention.h"
#include "lib/analysis/pictures/cell_grid.h"
#include "lib/analysis/pictures/ticks.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/statistics/value_stream.h"

namespace pthview::pictures {
namespace {

constexpr int64_t kMostRows = int64_t{1} << 24;  // of a norm profile: 128 MB
constexpr int kMostBars = 160;
constexpr double kFar = 12;  // times what 98 % of the values span

std::string Count(int64_t number) { return NumberText(static_cast<double>(number)); }

// The panel's head: name, type, range of what was read, and what stands for values that are not finite.
Panel Begin(const Tensor& tensor, const Cell& all, std::string_view of) {
  Panel panel;
  panel.title = std::string(tensor.name.empty() ? tensor.path : tensor.name);
  if (panel.title.empty()) panel.title = "(the file's root)";
  std::string facts = TypeText(tensor);
  if (all.count > 0) {
    facts += "   " + NumberText(all.min);
    if (all.min != all.max) facts += fmt::format(" to {}{}", NumberText(all.max), of);
  }
  panel.facts.push_back(facts);
  if (all.nans > 0) {
    panel.keys.push_back({kNanColor, fmt::format("NaN ({})", Count(all.nans))});
  }
  if (all.infinities > 0) {
    panel.keys.push_back({kInfinityColor, fmt::format("infinite ({})", Count(all.infinities))});
  }
  return panel;
}

Panel Nothing(const Tensor& tensor, std::string text) {
  Panel panel = Begin(tensor, {}, "");
  panel.charts.push_back({.kind = ChartKind::kText, .text = std::move(text)});
  return panel;
}

void NoteValues(const Tensor& tensor, const CellGrid& grid, Panel& panel) {
  if (grid.magnitudes) panel.notes.emplace_back("absolute values of complex numbers");
  if (grid.codes) panel.notes.emplace_back("integer codes: the scales of its channels are not applied");
  if (tensor.quantization != kNone && !grid.codes) panel.notes.emplace_back("quantized values, dequantized");
}

void NoteRange(const Scale& scale, Panel& panel) {
  if (!scale.range.clipped) return;
  panel.notes.push_back(fmt::format("colours end at {} and {}; what is beyond has the colour of the end",
                                    NumberText(scale.range.low), NumberText(scale.range.high)));
}

// Diverging unless all values are of one sign, the positive one.
Scale ScaleFor(std::span<const double> means, const ColorMap* wanted, std::string_view usual) {
  if (wanted == nullptr) {
    const bool negative = std::ranges::any_of(means, [](double mean) { return mean < 0; });
    const bool positive = std::ranges::any_of(means, [](double mean) { return mean > 0; });
    wanted = !usual.empty() ? ColorMapByName(usual) : ColorMapByName(negative || !positive ? "blue-red" : "sea");
  }
  return {wanted, RobustRange(means, wanted->diverging || !usual.empty())};
}

std::string MatrixRows(const Tensor& tensor, int64_t rows) {
  return fmt::format("rows 0 to {}{}", Count(rows - 1), tensor.shape.size() > 1 ? " (dimension 0)" : "");
}

std::string MatrixColumns(const Tensor& tensor, int64_t columns) {
  return fmt::format("columns 0 to {} ({})", Count(columns - 1),
                     tensor.shape.size() > 2   ? fmt::format("dimensions 1 to {}", tensor.shape.size() - 1)
                     : tensor.shape.size() > 1 ? "dimension 1"
                                               : "dimension 0");
}

Result<Panel> PlotHeatmap(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  PTHVIEW_ASSIGN(
      const CellGrid grid,
      MakeCellGrid(model, tensor, {},
                   {.most_rows = options.most_rows, .most_columns = options.most_columns, .budget = options.budget}));
  Panel panel = Begin(tensor, grid.Total(), grid.sampled ? " (of the sample)" : "");
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

// ---- filters ----

struct Kernels {
  int64_t filters = 0;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  bool rgb = false;
};

// How many tiles fit: all filters of images and of single channels side by side; else a row of channels a filter.
struct Chosen {
  int64_t filters = 0;
  int64_t channels = 0;
  TileLayout layout;
};

Chosen ChooseTiles(const Kernels& k, const PlotOptions& options) {
  const int64_t across = std::max<int64_t>(1, (options.most_columns - 1) / (k.width + 1));
  const int64_t down = std::max<int64_t>(1, (options.most_rows - 1) / (k.height + 1));
  if (k.rgb || k.channels == 1) {
    // More are smaller than one can see.
    const int64_t filters = std::min({k.filters, across * down, int64_t{256}});
    TileLayout layout = ArrangeTiles(filters, static_cast<double>(k.width + 1), static_cast<double>(k.height + 1), 1.5);
    if (layout.columns > across) layout = {across, (filters + across - 1) / across};
    if (layout.rows > down) layout = {(filters + down - 1) / down, down};
    return {filters, k.channels, layout};
  }
  const int64_t filters = std::min({k.filters, down, int64_t{32}});
  const int64_t channels = std::min({k.channels, across, int64_t{40}});
  return {filters, channels, {channels, filters}};
}

// Gaps grow with the weights between them.
int64_t GapBeside(int64_t times) { return std::max<int64_t>(1, times / 3); }

// How many pixels wide a weight may be.
int64_t TimesThatFit(const Kernels& k, const TileLayout& layout, const PlotOptions& options) {
  int64_t times = options.most_tile_scale;
  while (times > 1 && (layout.columns * (k.width * times + GapBeside(times)) > options.most_columns ||
                       layout.rows * (k.height * times + GapBeside(times)) > options.most_rows)) {
    --times;
  }
  return times;
}

uint8_t Shade(double value, const ColorRange& range) {
  return static_cast<uint8_t>(std::lround(std::clamp(ShareOf(value, range), 0.0, 1.0) * 255));
}

// Three channels as one colour; a value that is not finite has its own.
Raster ColorTile(const CellGrid& grid, int64_t filter, const Kernels& k, const ColorRange& range) {
  Raster tile(k.width, k.height, {});
  const int64_t plane = k.width * k.height;
  for (int64_t i = 0; i < plane; ++i) {
    const Cell* cells[3] = {&grid.At(filter, i), &grid.At(filter, plane + i), &grid.At(filter, 2 * plane + i)};
    Color color{Shade(cells[0]->Mean(), range), Shade(cells[1]->Mean(), range), Shade(cells[2]->Mean(), range)};
    for (const Cell* cell : cells) {
      if (cell->infinities > 0) color = kInfinityColor;
    }
    for (const Cell* cell : cells) {
      if (cell->nans > 0) color = kNanColor;
    }
    tile.pixels[static_cast<size_t>(i)] = color;
  }
  return tile;
}

Result<Panel> PlotFilters(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  if (tensor.shape.size() != 4) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("filters are those of a convolution with four dimensions, and '{}' is {}",
                                        tensor.name, TypeText(tensor)),
                 .hint = "leave --kind out, and what suits is taken"};
  }
  Kernels k{tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3]};
  k.rgb = k.channels == 3 && options.colors == nullptr;
  const Chosen chosen = ChooseTiles(k, options);
  const int64_t columns = chosen.channels * k.height * k.width;
  PTHVIEW_ASSIGN(const CellGrid grid, MakeCellGrid(model, tensor, {.rows = chosen.filters, .columns = columns},
                                                   {.most_rows = chosen.filters, .most_columns = columns}));
  const bool all = chosen.filters == k.filters && chosen.channels == k.channels;
  Panel panel = Begin(tensor, grid.Total(), all ? "" : " (of what is shown)");
  const Scale scale = ScaleFor(MeansOf(grid), options.colors, "gray");
  std::vector<Raster> tiles;
  if (k.rgb) {
    for (int64_t filter = 0; filter < chosen.filters; ++filter)
      tiles.push_back(ColorTile(grid, filter, k, scale.range));
  } else {
    const Raster colored = ColorCells(grid, *scale.map, scale.range);
    for (int64_t filter = 0; filter < chosen.filters; ++filter) {
      for (int64_t channel = 0; channel < chosen.channels; ++channel) {
        Raster tile(k.width, k.height, {});
        for (int64_t i = 0; i < k.width * k.height; ++i) {
          tile.pixels[static_cast<size_t>(i)] = colored.At(channel * k.width * k.height + i, filter);
        }
        tiles.push_back(std::move(tile));
      }
    }
    panel.scale = scale;
  }
  const int64_t times = TimesThatFit(k, chosen.layout, options);
  for (Raster& tile : tiles) tile = Enlarged(tile, times);
  Chart chart{.kind = ChartKind::kCells,
              .cells = JoinTiles(tiles, chosen.layout.columns, GapBeside(times), options.between)};
  chart.aspect = static_cast<double>(chart.cells.width) / static_cast<double>(chart.cells.height);
  chart.tiles = true;
  panel.charts.push_back(std::move(chart));
  const bool matrix = !k.rgb && k.channels != 1;
  if (matrix) {
    panel.notes.push_back(
        fmt::format("a row of tiles an index of dimension 0 ({} of {}), a tile an index of dimension 1 ({} of {})",
                    chosen.filters, Count(k.filters), chosen.channels, Count(k.channels)));
  } else {
    panel.notes.push_back(chosen.filters == k.filters ? fmt::format("{} filters, in reading order", Count(k.filters))
                                                      : fmt::format("the first {} of {} filters, in reading order",
                                                                    chosen.filters, Count(k.filters)));
  }
  if (k.rgb) {
    panel.notes.push_back(fmt::format("input channels 0, 1, 2 as red, green, blue; mid-gray is zero, full colour {}",
                                      NumberText(scale.range.high)));
  }
  NoteRange(scale, panel);
  NoteValues(tensor, grid, panel);
  return panel;
}

// ---- attention ----

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
  if (split.columns == 0) split.columns = std::min<int64_t>(count, tall ? 6 : count > 16 ? 4 : count > 4 ? 3 : 2);
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
  Panel panel = Begin(tensor, total,
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

// ---- lines ----

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

Result<Panel> PlotLines(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  PTHVIEW_ASSIGN(
      const CellGrid grid,
      MakeCellGrid(model, tensor, {}, {.most_columns = options.most_columns, .budget = options.budget, .flat = true}));
  Panel panel = Begin(tensor, grid.Total(), grid.sampled ? " (of the sample)" : "");
  const int64_t values = grid.source_columns;
  const int64_t bins = grid.columns;
  Chart chart = LinesOf(grid.cells, static_cast<double>(values) / static_cast<double>(std::max<int64_t>(bins, 1)));
  chart.x_label = tensor.shape.size() > 1 ? "element, in row-major order" : "element";
  panel.charts.push_back(std::move(chart));
  if (values > bins) {
    panel.notes.push_back(fmt::format("line: means of {}{} values each; band: from the smallest to the largest of them",
                                      grid.sampled ? "a sample of about " : "about ", Count(values / bins)));
  }
  NoteValues(tensor, grid, panel);
  return panel;
}

// ---- norms ----

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

Result<Panel> PlotNorms(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  if (tensor.shape.size() < 2) {
    return Error{
        .code = ErrorCode::kUsage,
        .message = fmt::format("'{}' has no rows that could have norms: it is {}", tensor.name, TypeText(tensor)),
        .hint = "--kind lines"};
  }
  PTHVIEW_ASSIGN(const RowNorms all, ReadRowNorms(model, tensor));
  Panel panel = Begin(tensor, all.values, "");
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
    panel.facts.push_back(fmt::format("norms of {} rows: {} to {}, mean {}; the largest is row {}{}", Count(rows),
                                      NumberText(total.min), NumberText(total.max), NumberText(total.Mean()),
                                      Count(static_cast<int64_t>(largest)),
                                      zeros == 0   ? ""
                                      : zeros == 1 ? "; one is zero"
                                                   : fmt::format("; {} are zero", Count(zeros))));
  }
  if (rows > bins) {
    panel.notes.push_back(fmt::format(
        "line: means of about {} rows each; band: from the smallest to the largest of them", Count(rows / bins)));
  }
  return panel;
}

// ---- histogram ----

Result<Panel> PlotHistogram(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(const Statistics s, ComputeStatistics(model, tensor, {.percentiles = true}));
  Cell all;
  all.count = s.finite;
  all.nans = s.nans;
  all.infinities = s.infinities;
  all.min = s.min;
  all.max = s.max;
  Panel panel = Begin(tensor, all, "");
  if (s.finite == 0) {
    panel.charts.push_back({.kind = ChartKind::kText, .text = s.count == 0 ? "no elements" : "no finite values"});
    return panel;
  }
  panel.facts.push_back(fmt::format("{} values: mean {}, std {}, zeros {}", Count(s.count), NumberText(s.mean),
                                    NumberText(s.std), Count(s.zeros)));
  Statistics span = s;
  // A few far values would make one bar of all others.
  const double inside = s.percentiles.back() - s.percentiles.front();
  const bool cut = inside > 0 && s.max / kFar - s.min / kFar > inside;
  if (cut) {
    span.min = std::max(s.min, s.percentiles.front() - inside);
    span.max = std::min(s.max, s.percentiles.back() + inside);
  }
  PTHVIEW_ASSIGN(Histogram histogram, ComputeHistogram(model, tensor, span, {}));
  if (histogram.counts.size() > kMostBars) {
    PTHVIEW_ASSIGN(histogram, ComputeHistogram(model, tensor, span, {.bins = kMostBars}));
  }
  Chart chart{.kind = ChartKind::kBars,
              .x_label = "value",
              .y_label = "values",
              .x_low = histogram.low,
              .x_high = histogram.high};
  chart.counts = histogram.counts;
  panel.charts.push_back(std::move(chart));
  panel.notes.push_back(fmt::format(
      "{} bins of width {}", histogram.counts.size(),
      NumberText((histogram.high / 2 - histogram.low / 2) / static_cast<double>(histogram.counts.size()) * 2)));
  if (span.min > s.min) {
    panel.notes.push_back(fmt::format("the first bar also holds what is below, down to {}", NumberText(s.min)));
  }
  if (span.max < s.max) {
    panel.notes.push_back(fmt::format("the last bar also holds what is above, up to {}", NumberText(s.max)));
  }
  if (s.nans + s.infinities > 0) panel.notes.emplace_back("bars are of the finite values");
  if (Info(tensor.dtype).kind == DTypeClass::kComplex) panel.notes.emplace_back("absolute values of complex numbers");
  if (tensor.quantization != kNone) panel.notes.emplace_back("quantized values, dequantized");
  return panel;
}

}  // namespace

std::string TypeText(const Tensor& tensor) {
  std::string text(DTypeName(tensor.dtype));
  text += " [";
  for (size_t i = 0; i < tensor.shape.size(); ++i) text += fmt::format("{}{}", i > 0 ? ", " : "", tensor.shape[i]);
  text += ']';
  if (tensor.layout != Layout::kDense) text += fmt::format(" {}", LayoutName(tensor.layout));
  return text;
}

Result<Panel> PlotTensor(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  if (tensor.data == DataState::kPresent && tensor.numel == 0 && tensor.layout == Layout::kDense) {
    return Nothing(tensor, "no elements");
  }
  switch (options.kind) {
    case PlotKind::kHistogram: return PlotHistogram(model, tensor);
    case PlotKind::kHeatmap: return PlotHeatmap(model, tensor, options);
    case PlotKind::kFilters: return PlotFilters(model, tensor, options);
    case PlotKind::kAttention: return PlotAttention(model, tensor, options);
    case PlotKind::kNorms: return PlotNorms(model, tensor, options);
    case PlotKind::kLines: return PlotLines(model, tensor, options);
  }
  return Nothing(tensor, "");
}

}  // namespace pthview::pictures
