// Kernels of convolutions as tiles.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/pictures/panel_parts.h"
#include "lib/analysis/pictures/ticks.h"

namespace pthview::pictures {
namespace {

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

}  // namespace

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
  Panel panel = BeginPanel(tensor, grid.Total(), all ? "" : " (of what is shown)");
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
                    chosen.filters, CountText(k.filters), chosen.channels, CountText(k.channels)));
  } else {
    panel.notes.push_back(
        chosen.filters == k.filters
            ? fmt::format("{} filters, in reading order", CountText(k.filters))
            : fmt::format("the first {} of {} filters, in reading order", chosen.filters, CountText(k.filters)));
  }
  if (k.rgb) {
    panel.notes.push_back(fmt::format("input channels 0, 1, 2 as red, green, blue; mid-gray is zero, full colour {}",
                                      NumberText(scale.range.high)));
  }
  NoteRange(scale, panel);
  NoteValues(tensor, grid, panel);
  return panel;
}

}  // namespace pthview::pictures
