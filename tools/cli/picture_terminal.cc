// Panels in a terminal: pictures of its own, or pictures made of letters with the texts around them.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/pictures/ticks.h"
#include "lib/base/display_width.h"
#include "lib/base/escape.h"
#include "tools/cli/console.h"
#include "tools/cli/picture_output.h"

namespace pthview {
namespace {

using pictures::Chart;
using pictures::ChartKind;
using pictures::Panel;

constexpr int kLetter = 8;  // pixels of a letter, both ways
constexpr int kChartRows = 12;
constexpr int kMostColumns = 100;
constexpr int kBarColumns = 24;
constexpr size_t kMostCaptions = 12;
constexpr pictures::Color kBetween{40, 40, 48};
// Seen on dark and on light terminals.
constexpr pictures::Theme kTheme = {
    "terminal", {}, {}, {150, 150, 160}, {}, {}, {{64, 140, 220}, {220, 120, 50}, {40, 160, 130}, {180, 90, 180}}};

// A chart's place among the pictures that are drawn together.
struct Placed {
  std::vector<size_t> charts;
  std::optional<size_t> bar;
};

// How many letters (and halves of rows) a cell takes.
struct CellSize {
  int64_t across = 1;
  int64_t down = 1;
};

CellSize SizeOfCells(const Chart& chart, const PictureTarget& target) {
  const int64_t width = std::max<int64_t>(chart.cells.width, 1);
  const int64_t height = std::max<int64_t>(chart.cells.height, 1);
  const int64_t most = std::max<int64_t>(2 * (target.rows - 8), 8);
  const int64_t across = std::max<int64_t>(1, std::min(target.columns, kMostColumns) / width);
  if (chart.tiles) {
    const int64_t both = std::max<int64_t>(1, std::min({across, most / height, int64_t{4}}));
    return {both, both};
  }
  const auto wanted = static_cast<int64_t>(static_cast<double>(across * width) / chart.aspect);
  return {across, std::max<int64_t>(1, std::min(wanted, most) / height)};
}

// Without colours: each letter as dark as its two halves are light, on whatever ground the terminal has.
std::string ShadesOf(const Chart& chart, const PictureTarget& target) {
  static constexpr std::string_view kBlocks[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
  static constexpr std::string_view kAscii[] = {" ", ".", ":", "=", "+", "*", "#", "@"};
  const std::span<const std::string_view> shades =
      target.terminal.ascii ? std::span<const std::string_view>(kAscii) : std::span<const std::string_view>(kBlocks);
  const CellSize size = SizeOfCells(chart, target);
  const int64_t halves = chart.cells.height * size.down;
  std::string text;
  for (int64_t half = 0; half < halves; half += 2) {
    for (int64_t column = 0; column < chart.cells.width * size.across; ++column) {
      double light = 0;
      std::string_view odd;
      const int64_t last = std::min(half + 1, halves - 1);
      for (int64_t at : {half, last}) {
        const pictures::Color color = chart.cells.At(column / size.across, at / size.down);
        light += pictures::LightnessOf(color) / 2;
        if (color == pictures::kInfinityColor && odd.empty()) odd = "!";
        if (color == pictures::kNanColor) odd = "?";
      }
      const auto shade = std::min(static_cast<size_t>(light * static_cast<double>(shades.size())), shades.size() - 1);
      text += odd.empty() ? shades[shade] : odd;
    }
    text += '\n';
  }
  return text;
}

draw::TerminalPicture InLetters(const Chart& chart, const PictureTarget& target) {
  draw::TerminalPicture picture;
  const int columns = std::min(target.columns, kMostColumns);
  if (chart.kind != ChartKind::kCells) {
    picture.letters = chart.kind == ChartKind::kBars ? draw::Letters::kBlocks : draw::Letters::kBraille;
    picture.columns = columns;
    picture.rows = std::clamp(target.rows - 8, 4, kChartRows);
    picture.scene = pictures::DrawBareChart(chart, columns * kLetter, picture.rows * kLetter, kTheme);
    return picture;
  }
  const CellSize size = SizeOfCells(chart, target);
  const int64_t halves = chart.cells.height * size.down;
  picture.columns = static_cast<int>(chart.cells.width * size.across);
  picture.rows = static_cast<int>((halves + 1) / 2);
  picture.scene = pictures::DrawBareChart(chart, static_cast<double>(picture.columns * kLetter),
                                          static_cast<double>(halves * kLetter / 2), kTheme);
  picture.scene.height = picture.rows * kLetter;
  return picture;
}

// Charts of cells side by side are one picture: the letters of one have no room for names of its own.
std::vector<Chart> JoinedCharts(const Panel& panel) {
  const bool cells = std::ranges::all_of(panel.charts, [](const Chart& c) { return c.kind == ChartKind::kCells; });
  if (panel.charts.size() < 2 || !cells) return panel.charts;
  std::vector<pictures::Raster> tiles;
  for (const Chart& chart : panel.charts) tiles.push_back(chart.cells);
  Chart joined{.kind = ChartKind::kCells, .cells = pictures::JoinTiles(tiles, panel.columns, 1, kBetween)};
  joined.tiles = true;
  joined.x_label = "in reading order: ";
  for (size_t i = 0; i < panel.charts.size(); ++i) {
    if (panel.charts.size() > kMostCaptions && i == 1) i = panel.charts.size() - 1;
    if (i > 0) joined.x_label += panel.charts.size() > kMostCaptions ? " to " : ", ";
    joined.x_label += panel.charts[i].caption;
  }
  return {joined};
}

std::string Wrapped(std::string_view text, int columns) {
  return WrapText(EscapeForTerminal(text), static_cast<size_t>(columns), 0, 0) + "\n";
}

std::string Patch(pictures::Color color) {
  return fmt::format("\x1b[38;2;{};{};{}m\u2588\u2588\x1b[0m", color.red, color.green, color.blue);
}

bool NeedsDrawing(const Chart& chart, const PictureTarget& target) {
  return chart.kind != ChartKind::kText && (chart.kind != ChartKind::kCells || target.terminal.color);
}

std::string RangeText(double low, double high) {
  const std::string text = pictures::NumberText(low);
  return low == high ? text : text + " to " + pictures::NumberText(high);
}

// The text beside a chart: what its edges stand for.
std::string EdgesText(const Chart& chart) {
  switch (chart.kind) {
    case ChartKind::kCells: {
      if (chart.tiles) return chart.x_label;
      std::string text = chart.y_label;
      if (!chart.x_label.empty()) text += (text.empty() ? "" : " down, ") + chart.x_label + " across";
      return text;
    }
    case ChartKind::kBars:
      return fmt::format("across: {} {} to {}; up: 0 to {} {}", chart.x_label, pictures::NumberText(chart.x_low),
                         pictures::NumberText(chart.x_high),
                         pictures::NumberText(static_cast<double>(*std::ranges::max_element(chart.counts))),
                         chart.y_label);
    case ChartKind::kLines: {
      double low = INFINITY;
      double high = -INFINITY;
      for (const pictures::Series& series : chart.series) {
        for (const auto* values : {&series.y, &series.low, &series.high}) {
          for (double value : *values) {
            if (!std::isfinite(value)) continue;
            low = std::min(low, value);
            high = std::max(high, value);
          }
        }
      }
      if (low > high) return "nothing finite to draw";
      return fmt::format("across: {} {}; up: {}{}", chart.x_label, RangeText(chart.x_low, chart.x_high),
                         chart.y_label.empty() ? "" : chart.y_label + " ", RangeText(low, high));
    }
    case ChartKind::kText: return chart.text;
  }
  return "";
}

std::string HeadOf(const Panel& panel, const PictureTarget& target, const Style& style) {
  std::string text = style.Bold(FitText(EscapeForTerminal(panel.title), static_cast<size_t>(target.columns))) + "\n";
  for (const std::string& fact : panel.facts) text += Wrapped(fact, target.columns);
  return text;
}

std::string LegendOf(const Panel& panel, const PictureTarget& target, const std::string& bar) {
  std::string text;
  if (panel.scale) {
    const std::string low = pictures::NumberText(panel.scale->range.low);
    const std::string high = pictures::NumberText(panel.scale->range.high);
    text += target.terminal.color ? fmt::format("{} {} {}\n", low, bar.substr(0, bar.find('\n')), high)
                                  : fmt::format("empty is {}, full is {}\n", low, high);
  }
  std::string keys;
  for (const pictures::Key& key : panel.keys) {
    if (!keys.empty()) keys += "   ";
    keys += target.terminal.color ? Patch(key.color) : key.color == pictures::kNanColor ? "?" : "!";
    keys += " " + key.text;
  }
  if (!keys.empty()) text += keys + "\n";
  for (const std::string& note : panel.notes) text += Wrapped(note, target.columns);
  return text;
}

Result<std::string> InPixels(const PictureTarget& target, std::span<const Panel> panels) {
  std::vector<draw::TerminalPicture> drawn;
  const double cell_width = target.terminal.cell_width;
  for (const Panel& panel : panels) {
    draw::TerminalPicture picture;
    const double width = std::min(pictures::kPanelWidth, std::floor((target.columns - 1) * cell_width));
    picture.scene = pictures::DrawPanel(panel, std::max(width, 160.0), *target.theme);
    picture.columns = static_cast<int>(std::ceil(picture.scene.width / cell_width));
    picture.rows = static_cast<int>(std::ceil(picture.scene.height / target.terminal.cell_height));
    drawn.push_back(std::move(picture));
  }
  PTHVIEW_ASSIGN(const std::vector<std::string> shown, draw::DrawInTerminal(drawn, target.terminal));
  std::string text;
  for (const std::string& picture : shown) text += picture;
  return text;
}

}  // namespace

Result<std::string> PanelsForTerminal(const PictureTarget& target, std::span<const Panel> panels) {
  if (!target.letters()) return InPixels(target, panels);
  std::vector<draw::TerminalPicture> drawn;
  std::vector<Placed> places;
  std::vector<std::vector<Chart>> charts;
  for (const Panel& panel : panels) {
    Placed place;
    charts.push_back(JoinedCharts(panel));
    for (const Chart& chart : charts.back()) {
      place.charts.push_back(drawn.size());
      if (NeedsDrawing(chart, target)) drawn.push_back(InLetters(chart, target));
    }
    if (panel.scale && target.terminal.color) {
      Chart bar{.kind = ChartKind::kCells, .cells = pictures::Raster(kBarColumns, 1, {})};
      std::ranges::copy(panel.scale->map->Table(kBarColumns), bar.cells.pixels.begin());
      place.bar = drawn.size();
      drawn.push_back({.scene = pictures::DrawBareChart(bar, kBarColumns * kLetter, kLetter, kTheme),
                       .columns = kBarColumns,
                       .rows = 1});
    }
    places.push_back(std::move(place));
  }
  PTHVIEW_ASSIGN(const std::vector<std::string> shown, draw::DrawInTerminal(drawn, target.terminal));
  const Style style(target.terminal.color);
  std::string text;
  for (size_t p = 0; p < panels.size(); ++p) {
    if (p > 0) text += "\n";
    text += HeadOf(panels[p], target, style);
    for (size_t c = 0; c < charts[p].size(); ++c) {
      const Chart& chart = charts[p][c];
      if (!chart.caption.empty()) text += Wrapped(chart.caption, target.columns);
      if (NeedsDrawing(chart, target)) text += shown[places[p].charts[c]];
      if (chart.kind == ChartKind::kCells && !target.terminal.color) text += ShadesOf(chart, target);
      if (std::string edges = EdgesText(chart); !edges.empty()) text += Wrapped(edges, target.columns);
    }
    text += LegendOf(panels[p], target, places[p].bar ? shown[*places[p].bar] : "");
  }
  return text;
}

}  // namespace pthview
