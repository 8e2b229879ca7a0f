// Pictures of pixels, in memory and as PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/analysis/pictures/cell_grid.h"
#include "lib/analysis/pictures/color.h"

namespace pthview::pictures {

struct Raster {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<Color> pixels;  // row-major, from the top

  Raster() = default;
  Raster(int64_t width, int64_t height, Color fill)
      : width(width), height(height), pixels(static_cast<size_t>(width * height), fill) {}
  Color& At(int64_t x, int64_t y) { return pixels[static_cast<size_t>(y * width + x)]; }
  Color At(int64_t x, int64_t y) const { return pixels[static_cast<size_t>(y * width + x)]; }
  // What of `other` reaches over the edge is cut off.
  void Paste(const Raster& other, int64_t x, int64_t y);
};

// A pixel a cell: its mean's colour; kNanColor and kInfinityColor where it holds such a value.
Raster ColorCells(const CellGrid& grid, const ColorMap& map, const ColorRange& range);
// The means, for RobustRange.
std::vector<double> MeansOf(const CellGrid& grid);

// The file, 8-bit RGB.
std::string EncodePng(const Raster& raster);

// How `count` equal tiles are arranged so that the whole comes nearest to `aspect` (width by height).
struct TileLayout {
  int64_t columns = 0;
  int64_t rows = 0;
};
TileLayout ArrangeTiles(int64_t count, double tile_width, double tile_height, double aspect);

// Each pixel as a square of `times` x `times`.
Raster Enlarged(const Raster& raster, int64_t times);

// The tiles, row by row, `gap` pixels between and around them. All of one size, or cut off to the first's.
Raster JoinTiles(std::span<const Raster> tiles, int64_t columns, int64_t gap, Color between);

}  // namespace pthview::pictures
