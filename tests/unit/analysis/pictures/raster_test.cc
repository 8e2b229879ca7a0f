#include "lib/analysis/pictures/raster.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <zlib.h>

#include "lib/analysis/pictures/ticks.h"

namespace pthview::pictures {
namespace {

Cell Of(double value) {
  Cell cell;
  cell.Add(value);
  return cell;
}

TEST(ColorCells, ColoursFollowTheValues) {
  CellGrid grid{.source_rows = 1, .source_columns = 201, .rows = 1, .columns = 201};
  for (int i = -100; i <= 100; ++i) grid.cells.push_back(Of(i));
  const ColorMap& map = ColorMaps().front();
  Raster raster = ColorCells(grid, map, {-100, 100, false});
  ASSERT_EQ(raster.width, 201);
  EXPECT_EQ(raster.At(100, 0), map.At(0.5));
  EXPECT_EQ(raster.At(0, 0), map.At(0));
  EXPECT_EQ(raster.At(200, 0), map.At(1));
  for (int x = 1; x <= 100; ++x) {
    EXPECT_GE(LightnessOf(raster.At(x, 0)), LightnessOf(raster.At(x - 1, 0)));
    EXPECT_LE(LightnessOf(raster.At(100 + x, 0)), LightnessOf(raster.At(99 + x, 0)));
  }
}

TEST(ColorCells, OneNanOfManyShows) {
  CellGrid grid{.source_rows = 1, .source_columns = 9, .rows = 1, .columns = 3};
  grid.cells = {Of(1), Of(1), Of(1)};
  grid.cells[0].Add(NAN);
  grid.cells[1].Add(-INFINITY);
  Raster raster = ColorCells(grid, ColorMaps().front(), {-1, 1, false});
  EXPECT_EQ(raster.At(0, 0), kNanColor);
  EXPECT_EQ(raster.At(1, 0), kInfinityColor);
}

TEST(Png, HoldsThePixels) {
  Raster raster(3, 2, {10, 20, 30});
  raster.At(2, 1) = {200, 100, 50};
  const std::string png = EncodePng(raster);
  ASSERT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.substr(12, 4), "IHDR");
  EXPECT_EQ(png.substr(16, 8), std::string("\0\0\0\3\0\0\0\2", 8));
  const size_t size = static_cast<unsigned char>(png[36]);
  std::string rows(20, '\0');
  uLongf length = rows.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &length, reinterpret_cast<const Bytef*>(&png[41]), size),
            Z_OK);
  EXPECT_EQ(rows, std::string("\0\x0a\x14\x1e\x0a\x14\x1e\x0a\x14\x1e\0\x0a\x14\x1e\x0a\x14\x1e\xc8\x64\x32", 20));
}

TEST(Tiles, AreArrangedNearTheAspect) {
  EXPECT_EQ(ArrangeTiles(64, 7, 7, 1).columns, 8);
  EXPECT_EQ(ArrangeTiles(64, 7, 7, 1).rows, 8);
  EXPECT_EQ(ArrangeTiles(1, 7, 7, 1).columns, 1);
  EXPECT_EQ(ArrangeTiles(0, 7, 7, 1).columns, 0);
  EXPECT_EQ(ArrangeTiles(12, 768, 64, 1.5).columns, 1);
  const TileLayout odd = ArrangeTiles(7, 1, 1, 1.5);
  EXPECT_GE(odd.columns * odd.rows, 7);
  EXPECT_LT((odd.columns - 1) * odd.rows, 7);
}

TEST(Tiles, AreJoinedWithGaps) {
  std::vector<Raster> tiles;
  for (uint8_t i = 1; i <= 3; ++i) tiles.emplace_back(2, 2, Color{i, i, i});
  Raster whole = JoinTiles(tiles, 2, 1, {9, 9, 9});
  EXPECT_EQ(whole.width, 7);
  EXPECT_EQ(whole.height, 7);
  EXPECT_EQ(whole.At(0, 0), (Color{9, 9, 9}));
  EXPECT_EQ(whole.At(1, 1), (Color{1, 1, 1}));
  EXPECT_EQ(whole.At(4, 1), (Color{2, 2, 2}));
  EXPECT_EQ(whole.At(1, 4), (Color{3, 3, 3}));
  EXPECT_EQ(whole.At(4, 4), (Color{9, 9, 9}));
}

std::string Texts(const std::vector<Tick>& ticks) {
  std::string text;
  for (const Tick& tick : ticks) text += (text.empty() ? "" : " ") + tick.text;
  return text;
}

TEST(Ticks, AreRound) {
  EXPECT_EQ(Texts(TicksBetween(0, 1, 6)), "0 0.2 0.4 0.6 0.8 1.0");
  EXPECT_EQ(Texts(TicksBetween(-0.37, 0.41, 5)), "-0.2 0 0.2 0.4");
  EXPECT_EQ(Texts(TicksBetween(0, 575, 6)), "0 100 200 300 400 500");
  EXPECT_EQ(Texts(TicksBetween(3e-8, 9e-8, 4)), "4e-08 6e-08 8e-08");
  EXPECT_EQ(Texts(TicksBetween(5, 5, 4)), "5");
  EXPECT_EQ(Texts(TicksBetween(NAN, 5, 4)), "");
  EXPECT_EQ(Texts(TicksBetween(-1.7e308, 1.7e308, 4)).empty(), false);
}

TEST(Ticks, StayInsideAndFew) {
  for (double low : {-1e300, -7.3, -1e-12, 0.0, 1e-9, 12345.678}) {
    for (double width : {1e-13, 1e-3, 1.0, 77.7, 1e9}) {
      for (int most : {1, 2, 5, 9}) {
        const auto ticks = TicksBetween(low, low + width, most);
        EXPECT_LE(ticks.size(), static_cast<size_t>(most));
        EXPECT_FALSE(ticks.empty());
        for (const Tick& tick : ticks) {
          EXPECT_GE(tick.value, low);
          EXPECT_LE(tick.value, low + width);
        }
      }
    }
  }
}

TEST(Ticks, OfALogarithmicAxis) {
  EXPECT_EQ(Texts(LogTicksBetween(0.0005, 20, 8)), "0.001 0.01 0.1 1 10");
  EXPECT_LE(LogTicksBetween(1e-300, 1e300, 6).size(), 7U);
  EXPECT_EQ(Texts(LogTicksBetween(0, 1, 5)), "");
}

TEST(Numbers, AreShort) {
  EXPECT_EQ(NumberText(0.123456), "0.1235");
  EXPECT_EQ(NumberText(12300), "12,300");
  EXPECT_EQ(NumberText(-1234567), "-1,234,567");
  EXPECT_EQ(NumberText(-100), "-100");
  EXPECT_EQ(NumberText(1e-9), "1e-09");
}

}  // namespace
}  // namespace pthview::pictures
