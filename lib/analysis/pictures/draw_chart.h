// One chart with its axes, as a part of a panel. For the files of this folder.
#pragma once

#include "lib/analysis/pictures/draw.h"
#include "lib/analysis/pictures/panel.h"
#include "lib/analysis/pictures/scene.h"

namespace pthview::pictures {

inline constexpr double kMargin = 14;  // around a panel
inline constexpr double kTiny = 10;    // font sizes
inline constexpr double kSmall = 11;
inline constexpr double kLineGap = 1.45;  // from line to line, of the font's size

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// Draws it into the room's width from its top on; cells are at most `most_height` high, other charts wider than high.
// Returns the height that it took.
double DrawChart(Scene& scene, const Chart& chart, const Box& room, double most_height, const Theme& theme);

}  // namespace pthview::pictures
