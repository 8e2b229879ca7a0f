#include "lib/analysis/pictures/raster.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <zlib.h>

#include "lib/base/crc32.h"

namespace pthview::pictures {
namespace {

// Length, type, data, CRC-32 of type and data; numbers big-endian.
// Source: W3C, "Portable Network Graphics (PNG) Specification", sections 5 and 11.
void AppendNumber(std::string& out, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}

void AppendChunk(std::string& out, std::string_view type, std::string_view data) {
  AppendNumber(out, static_cast<uint32_t>(data.size()));
  const size_t start = out.size();
  out.append(type).append(data);
  AppendNumber(out, Crc32(0, std::as_bytes(std::span(out).subspan(start))));
}

}  // namespace

void Raster::Paste(const Raster& other, int64_t x, int64_t y) {
  for (int64_t row = std::max<int64_t>(0, -y); row < std::min(other.height, height - y); ++row) {
    for (int64_t column = std::max<int64_t>(0, -x); column < std::min(other.width, width - x); ++column) {
      At(x + column, y + row) = other.At(column, row);
    }
  }
}

Raster ColorCells(const CellGrid& grid, const ColorMap& map, const ColorRange& range) {
  Raster raster(grid.columns, grid.rows, {});
  // Odd, so that one colour is the middle's own.
  constexpr size_t kShades = 1025;
  const std::vector<Color> colors = map.Table(kShades);
  for (size_t i = 0; i < grid.cells.size(); ++i) {
    const Cell& cell = grid.cells[i];
    if (cell.nans > 0 || cell.infinities > 0) {
      raster.pixels[i] = cell.nans > 0 ? kNanColor : kInfinityColor;
      continue;
    }
    const double share = std::clamp(ShareOf(cell.Mean(), range), 0.0, 1.0);
    raster.pixels[i] = colors[static_cast<size_t>(std::lround(share * (kShades - 1)))];
  }
  return raster;
}

std::vector<double> MeansOf(const CellGrid& grid) {
  std::vector<double> means;
  means.reserve(grid.cells.size());
  for (const Cell& cell : grid.cells) means.push_back(cell.Mean());
  return means;
}

std::string EncodePng(const Raster& raster) {
  std::string rows;  // each behind a byte that says "not filtered"
  rows.reserve(static_cast<size_t>(raster.height) * (static_cast<size_t>(raster.width) * 3 + 1));
  for (int64_t y = 0; y < raster.height; ++y) {
    rows += '\0';
    for (int64_t x = 0; x < raster.width; ++x) {
      const Color color = raster.At(x, y);
      rows += static_cast<char>(color.red);
      rows += static_cast<char>(color.green);
      rows += static_cast<char>(color.blue);
    }
  }
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()), rows.size(),
            Z_BEST_COMPRESSION);
  packed.resize(size);
  std::string header;
  AppendNumber(header, static_cast<uint32_t>(raster.width));
  AppendNumber(header, static_cast<uint32_t>(raster.height));
  header.append("\x08\x02\x00\x00\x00", 5);  // bits, RGB, deflate, filters by row, not interlaced
  std::string file = "\x89PNG\r\n\x1a\n";
  AppendChunk(file, "IHDR", header);
  AppendChunk(file, "IDAT", packed);
  AppendChunk(file, "IEND", "");
  return file;
}

TileLayout ArrangeTiles(int64_t count, double tile_width, double tile_height, double aspect) {
  if (count <= 0) return {};
  TileLayout best{count, 1};
  double least = std::numeric_limits<double>::infinity();
  for (int64_t rows = 1; rows <= count; ++rows) {
    const int64_t columns = (count + rows - 1) / rows;
    if (rows > 1 && (columns - 1) * rows >= count) continue;  // one column fewer would do
    const int64_t needed = (count + columns - 1) / columns;
    const double whole = static_cast<double>(columns) * tile_width / (static_cast<double>(needed) * tile_height);
    // Places that stay empty count a little.
    const double empty = static_cast<double>(columns * needed - count) / static_cast<double>(count);
    const double far = std::fabs(std::log(whole / aspect)) + empty / 2;
    if (far < least) {
      least = far;
      best = {columns, needed};
    }
  }
  return best;
}

Raster Enlarged(const Raster& raster, int64_t times) {
  Raster large(raster.width * times, raster.height * times, {});
  for (int64_t y = 0; y < large.height; ++y) {
    for (int64_t x = 0; x < large.width; ++x) large.At(x, y) = raster.At(x / times, y / times);
  }
  return large;
}

Raster JoinTiles(std::span<const Raster> tiles, int64_t columns, int64_t gap, Color between) {
  if (tiles.empty() || columns <= 0) return {};
  const auto count = static_cast<int64_t>(tiles.size());
  columns = std::min(columns, count);
  const int64_t width = tiles[0].width + gap;
  const int64_t height = tiles[0].height + gap;
  Raster whole(columns * width + gap, (count + columns - 1) / columns * height + gap, between);
  for (int64_t i = 0; i < count; ++i) {
    whole.Paste(tiles[static_cast<size_t>(i)], i % columns * width + gap, i / columns * height + gap);
  }
  return whole;
}

}  // namespace pthview::pictures
