#include "lib/analysis/pictures/draw.h"

#include <algorithm>
#include <cmath>

#include "lib/analysis/pictures/draw_chart.h"
#include "lib/analysis/pictures/ticks.h"
#include "lib/base/escape.h"

namespace pthview::pictures {
namespace {

constexpr double kTitle = 14;
constexpr double kChartGap = 14;
constexpr double kSheetPanelWidth = 560;

constexpr Theme kThemes[] = {
    {"light",
     {255, 255, 255},
     {24, 24, 27},
     {95, 99, 104},
     {226, 228, 232},
     {203, 212, 226},
     {{31, 95, 168}, {200, 90, 30}, {30, 130, 110}, {140, 60, 140}}},
    {"dark",
     {24, 26, 30},
     {236, 237, 240},
     {165, 170, 178},
     {58, 62, 70},
     {46, 58, 82},
     {{110, 175, 245}, {245, 160, 95}, {95, 205, 175}, {215, 145, 215}}},
};

// Words in lines of at most `width`.
std::vector<std::string> Wrapped(std::string_view text, double size, double width) {
  std::vector<std::string> lines;
  std::string line;
  for (std::string rest = EscapeForTerminal(text); !rest.empty();) {
    const size_t blank = rest.find(' ', 1);
    std::string word = rest.substr(0, blank);
    rest = blank == std::string::npos ? "" : rest.substr(blank);
    if (!line.empty() && TextWidth(line + word, size) > width) {
      lines.push_back(line);
      line.clear();
      word.erase(0, word.find_first_not_of(' '));
    }
    line += word;
  }
  if (!line.empty()) lines.push_back(line);
  for (std::string& each : lines) each = FitWidth(each, size, width);
  return lines;
}

double DrawScale(Scene& scene, const Scale& scale, double x, double y, double width, const Theme& theme) {
  const double bar = std::min(width * 0.5, 260.0);
  Raster colors(256, 1, {});
  const std::vector<Color> table = scale.map->Table();
  std::ranges::copy(table, colors.pixels.begin());
  scene.Image(x, y, bar, 9, std::move(colors));
  double taken = -1e9;
  for (double value : {scale.range.low, scale.range.low / 2 + scale.range.high / 2, scale.range.high}) {
    const std::string text = NumberText(value);
    const double half = TextWidth(text, kTiny) / 2;
    const double at = std::clamp(x + bar * ShareOf(value, scale.range), x + half, x + bar - half);
    if (at - half < taken + 6) continue;
    scene.Text(at, y + 9 + kTiny + 2, kTiny, text, theme.faint, Anchor::kMiddle);
    taken = at + half;
  }
  return bar;
}

}  // namespace

std::span<const Theme> Themes() { return kThemes; }

const Theme* ThemeByName(std::string_view name) {
  const auto* found = std::ranges::find(kThemes, name, &Theme::name);
  return found == std::end(kThemes) ? nullptr : found;
}

Scene DrawPanel(const Panel& panel, double width, const Theme& theme) {
  Scene scene{.width = width};
  const double inside = width - 2 * kMargin;
  double y = kMargin;
  scene.Text(kMargin, y + kTitle, kTitle, FitWidth(panel.title, kTitle * 1.1, inside), theme.ink, Anchor::kStart, true);
  y += kTitle * kLineGap;
  for (const std::string& fact : panel.facts) {
    for (const std::string& line : Wrapped(fact, kSmall, inside)) {
      scene.Text(kMargin, y + kSmall, kSmall, line, theme.faint);
      y += kSmall * kLineGap;
    }
  }
  y += 6;
  const auto columns = std::max<int64_t>(panel.columns, 1);
  const double each = (inside - static_cast<double>(columns - 1) * kChartGap) / static_cast<double>(columns);
  double row_height = 0;
  for (size_t i = 0; i < panel.charts.size(); ++i) {
    const auto column = static_cast<int64_t>(i) % columns;
    if (column == 0 && i > 0) {
      y += row_height + (columns > 1 ? 6 : kChartGap);
      row_height = 0;
    }
    const Box room{kMargin + static_cast<double>(column) * (each + kChartGap), y, each, 0};
    row_height = std::max(row_height, DrawChart(scene, panel.charts[i], room, inside * 0.75, theme));
  }
  y += row_height + 10;
  if (panel.scale || !panel.keys.empty()) {
    double x = kMargin;
    if (panel.scale) x += DrawScale(scene, *panel.scale, x, y, inside, theme) + 24;
    for (const Key& key : panel.keys) {
      scene.Rectangle(x, y, 9, 9, key.color);
      scene.Text(x + 14, y + 9, kTiny, key.text, theme.faint);
      x += 32 + TextWidth(key.text, kTiny);
    }
    y += 9 + kTiny + 10;
  }
  for (const std::string& note : panel.notes) {
    for (const std::string& line : Wrapped(note, kTiny, inside)) {
      scene.Text(kMargin, y + kTiny, kTiny, line, theme.faint);
      y += kTiny * kLineGap;
    }
  }
  scene.height = std::ceil(y + kMargin);
  Shape paper{.kind = ShapeKind::kRectangle, .color = theme.paper, .points = {{0, 0}, {width, scene.height}}};
  scene.shapes.insert(scene.shapes.begin(), std::move(paper));
  return scene;
}

Scene DrawSheet(std::span<const Panel> panels, const Theme& theme) {
  if (panels.size() == 1) return DrawPanel(panels[0], kPanelWidth, theme);
  const TileLayout layout = ArrangeTiles(static_cast<int64_t>(panels.size()), 4, 3, 1.4);
  const double each = kSheetPanelWidth;
  Scene sheet;
  sheet.width = each * static_cast<double>(layout.columns);
  double row_height = 0;
  for (size_t i = 0; i < panels.size(); ++i) {
    const auto column = static_cast<int64_t>(i) % layout.columns;
    if (column == 0) {
      sheet.height += row_height;
      row_height = 0;
    }
    const Scene panel = DrawPanel(panels[i], each, theme);
    sheet.Place(panel, each * static_cast<double>(column), sheet.height);
    row_height = std::max(row_height, panel.height);
  }
  sheet.height += row_height;
  Shape paper{.kind = ShapeKind::kRectangle, .color = theme.paper, .points = {{0, 0}, {sheet.width, sheet.height}}};
  sheet.shapes.insert(sheet.shapes.begin(), std::move(paper));
  return sheet;
}

}  // namespace pthview::pictures
