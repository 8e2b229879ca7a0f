// A picture before it is drawn: what it shows, what it is called, and what must be said with it. Texts may hold names
// from files in escaped form; who draws makes them safe for where they go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/analysis/pictures/color.h"
#include "lib/analysis/pictures/raster.h"

namespace pthview::pictures {

// A line, and where values were put together the band that they fill.
struct Series {
  std::string label;
  std::vector<double> x;
  std::vector<double> y;     // gaps where not finite
  std::vector<double> low;   // empty, or as long as y
  std::vector<double> high;  // empty, or as long as y
};

enum class ChartKind : uint8_t {
  kCells,  // a picture of pixels
  kLines,
  kBars,  // `counts` between x_low and x_high
  kText,  // nothing to draw, for the reason that `text` says
};

struct Chart {
  ChartKind kind = ChartKind::kText;
  std::string caption;
  std::string text;
  std::string x_label;
  std::string y_label;
  double x_low = 0;
  double x_high = 1;
  bool x_log = false;  // bars: the ends are powers of ten
  Raster cells;
  double aspect = 1;   // kCells: width by height as shown
  bool tiles = false;  // kCells: pixels are square and nothing is written at the axes
  std::vector<Series> series;
  std::vector<int64_t> counts;
  // Places along the x axis where values are not finite.
  std::vector<double> odd;
};

// The colour bar.
struct Scale {
  const ColorMap* map = nullptr;
  ColorRange range;
};

struct Key {
  Color color;
  std::string text;
};

struct Panel {
  std::string title;
  std::vector<std::string> facts;  // dtype, shape, range
  std::vector<std::string> notes;  // what was reduced, sampled, cut off, assumed
  std::vector<Chart> charts;
  int64_t columns = 1;  // of charts
  std::optional<Scale> scale;
  std::vector<Key> keys;
};

}  // namespace pthview::pictures
