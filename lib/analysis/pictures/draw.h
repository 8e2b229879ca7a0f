// Panels as drawings: titles, charts with their axes, the colour bar, and what must be said.
#pragma once

#include <span>
#include <string_view>

#include "lib/analysis/pictures/panel.h"
#include "lib/analysis/pictures/scene.h"

namespace pthview::pictures {

struct Theme {
  std::string_view name;
  Color paper;
  Color ink;
  Color faint;  // axes, facts, notes
  Color grid;
  Color gap;       // between tiles: no weight has it, and white ones are seen on it
  Color lines[4];  // told apart by lightness, too
};

// light (the first), dark
std::span<const Theme> Themes();
// nullptr when there is none of that name.
const Theme* ThemeByName(std::string_view name);

// One panel, as wide as asked for and as high as it needs, with a margin all around.
Scene DrawPanel(const Panel& panel, double width, const Theme& theme);
// Several, side by side in rows.
Scene DrawSheet(std::span<const Panel> panels, const Theme& theme);

// The chart alone, without a letter, filling width x height: for terminals.
Scene DrawBareChart(const Chart& chart, double width, double height, const Theme& theme);

// As wide as a single panel is drawn by default.
inline constexpr double kPanelWidth = 680;

}  // namespace pthview::pictures
