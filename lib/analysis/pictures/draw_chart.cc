#include "lib/analysis/pictures/draw_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lib/analysis/pictures/ticks.h"

namespace pthview::pictures {
namespace {

constexpr double kLeft = 54;  // of a chart: room for numbers
constexpr double kBottom = 34;
constexpr double kBelowCells = 18;
constexpr double kTickLength = 4;
constexpr double kDots = 80;  // so many points at most are drawn as dots, too

// A span of values on a span of pixels.
struct Axis {
  double low = 0;
  double high = 1;
  double from = 0;  // pixel of low
  double to = 1;    // pixel of high

  double At(double value) const {
    const double width = high / 2 - low / 2;
    const double share = width > 0 ? (value / 2 - low / 2) / width : 0.5;
    return from + (to - from) * share;
  }
};

// Of all that is drawn; with a little air, or around the only value.
std::pair<double, double> SpanOf(const Chart& chart) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  auto take = [&](const std::vector<double>& values) {
    for (double value : values) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  };
  for (const Series& series : chart.series) {
    take(series.y);
    take(series.low);
    take(series.high);
  }
  if (low > high) return {0, 1};
  if (low == high) {
    const double air = low == 0 ? 1 : std::fabs(low) / 2;
    return {low - air, high + air};
  }
  const double air = (high / 2 - low / 2) / 10;
  return {std::isfinite(low - air) ? low - air : low, std::isfinite(high + air) ? high + air : high};
}

// Series of a line chart: bands first, then lines; gaps where values are not finite.
void DrawSeries(Scene& scene, const Chart& chart, const Axis& x, const Axis& y, const Theme& theme, double line) {
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    const Color color = theme.lines[s % 4];
    auto runs = [&](auto known, auto draw) {
      for (size_t i = 0; i < series.x.size();) {
        size_t end = i;
        while (end < series.x.size() && known(end)) ++end;
        if (end > i) draw(i, end);
        i = end + 1;
      }
    };
    if (!series.low.empty()) {
      runs([&](size_t i) { return std::isfinite(series.low[i]); },
           [&](size_t from, size_t to) {
             std::vector<Point> area;
             for (size_t i = from; i < to; ++i) area.push_back({x.At(series.x[i]), y.At(series.high[i])});
             for (size_t i = to; i-- > from;) area.push_back({x.At(series.x[i]), y.At(series.low[i])});
             scene.Area(std::move(area), color, 0.25);
           });
    }
    const bool dots = static_cast<double>(series.x.size()) <= kDots;
    runs([&](size_t i) { return std::isfinite(series.y[i]); },
         [&](size_t from, size_t to) {
           std::vector<Point> points;
           for (size_t i = from; i < to; ++i) points.push_back({x.At(series.x[i]), y.At(series.y[i])});
           if (dots) {
             for (const Point& point : points) {
               const double half = points.size() > 2 ? line : 2 * line;
               scene.Rectangle(point.x - half, point.y - half, 2 * half, 2 * half, color);
             }
           }
           if (points.size() > 1) scene.Line(std::move(points), color, line);
         });
  }
}

void DrawBars(Scene& scene, const Chart& chart, const Box& box, const Theme& theme) {
  const auto [least, most] = std::ranges::minmax(chart.counts);
  (void)least;
  const double width = box.width / static_cast<double>(chart.counts.size());
  for (size_t i = 0; i < chart.counts.size(); ++i) {
    if (chart.counts[i] == 0) continue;
    // Never so low that it cannot be seen.
    const double height = std::max(1.0, box.height * static_cast<double>(chart.counts[i]) / static_cast<double>(most));
    const double left = box.x + width * static_cast<double>(i);
    scene.Rectangle(left, box.y + box.height - height, std::max(width - (width > 4 ? 1 : 0), 0.5), height,
                    theme.lines[0]);
  }
}

// Columns where something is not finite: a mark below the top.
void DrawOdd(Scene& scene, const Chart& chart, const Axis& x, const Box& box, double width) {
  for (double at : chart.odd) scene.Rectangle(x.At(at) - width / 2, box.y, width, box.height, kNanColor, 0.6);
}

void DrawAxes(Scene& scene, const Chart& chart, const Axis& x, const Axis& y, const Box& box, const Theme& theme) {
  const double bottom = box.y + box.height;
  for (const Tick& tick : TicksBetween(y.low, y.high, std::max(2, static_cast<int>(box.height / 34)))) {
    const double at = y.At(tick.value);
    scene.Line({{box.x, at}, {box.x + box.width, at}}, theme.grid, 1);
    scene.Text(box.x - kTickLength - 2, at + kTiny * 0.36, kTiny, FitWidth(tick.text, kTiny, kLeft - 8), theme.faint,
               Anchor::kEnd);
  }
  for (const Tick& tick : TicksBetween(x.low, x.high, std::max(2, static_cast<int>(box.width / 76)))) {
    const double at = x.At(tick.value);
    scene.Line({{at, bottom}, {at, bottom + kTickLength}}, theme.faint, 1);
    const double half = TextWidth(tick.text, kTiny) / 2;
    scene.Text(std::clamp(at, box.x + half - kLeft / 2, box.x + box.width - half + kMargin / 2),
               bottom + kTickLength + kTiny, kTiny, tick.text, theme.faint, Anchor::kMiddle);
  }
  scene.Line({{box.x, bottom}, {box.x + box.width, bottom}}, theme.faint, 1);
  scene.Text(box.x + box.width / 2, bottom + kBottom - 6, kTiny, chart.x_label, theme.faint, Anchor::kMiddle);
}

Axis XAxisOf(const Chart& chart, const Box& box) {
  // A line's first and last points stand a little inside.
  const double air = chart.kind == ChartKind::kLines ? 6 : 0;
  return {chart.x_low, chart.x_high, box.x + air, box.x + box.width - air};
}

Axis YAxisOf(const Chart& chart, const Box& box) {
  if (chart.kind == ChartKind::kBars) {
    const int64_t most = chart.counts.empty() ? 1 : *std::ranges::max_element(chart.counts);
    return {0, static_cast<double>(std::max<int64_t>(most, 1)), box.y + box.height, box.y};
  }
  const auto [low, high] = SpanOf(chart);
  return {low, high, box.y + box.height, box.y};
}

// Cells as large as fit, whole pixels each where a cell is larger than one.
Box CellsBox(const Chart& chart, double width, double most_height) {
  Box box{0, 0, width, width / chart.aspect};
  if (box.height > most_height) box = {0, 0, most_height * chart.aspect, most_height};
  if (!chart.tiles) return box;
  const double across = box.width / static_cast<double>(std::max<int64_t>(chart.cells.width, 1));
  const double whole = std::floor(across);
  const bool square = std::fabs(chart.aspect * static_cast<double>(chart.cells.height) /
                                    static_cast<double>(std::max<int64_t>(chart.cells.width, 1)) -
                                1) < 0.01;
  if (square && whole >= 1) {
    box.width = whole * static_cast<double>(chart.cells.width);
    box.height = whole * static_cast<double>(chart.cells.height);
  }
  return box;
}

}  // namespace

double DrawChart(Scene& scene, const Chart& chart, const Box& room, double most_height, const Theme& theme) {
  double y = room.y;
  if (!chart.caption.empty()) {
    scene.Text(room.x, y + kTiny, kTiny, FitWidth(chart.caption, kTiny, room.width), theme.ink);
    y += kTiny * kLineGap;
  }
  switch (chart.kind) {
    case ChartKind::kText:
      scene.Rectangle(room.x, y, room.width, 60, theme.grid, 0.5);
      scene.Text(room.x + room.width / 2, y + 34, kSmall, FitWidth(chart.text, kSmall, room.width - 12), theme.faint,
                 Anchor::kMiddle);
      return y + 60 - room.y;
    case ChartKind::kCells: {
      const double left = chart.y_label.empty() ? 0 : kBelowCells;
      Box box = CellsBox(chart, room.width - left, most_height);
      box.x = room.x + left;
      box.y = y;
      scene.Image(box.x, box.y, box.width, box.height, chart.cells);
      // What does not fit beside it is shortened, and else left out: the shape says it, too.
      std::string rows = chart.y_label;
      if (TextWidth(rows, kTiny) > box.height) rows = rows.substr(0, rows.find(" ("));
      if (!rows.empty() && TextWidth(rows, kTiny) <= box.height) {
        scene.Text(room.x + kTiny, box.y + box.height, kTiny, rows, theme.faint, Anchor::kStart, false, true);
      }
      if (!chart.x_label.empty()) {
        scene.Text(box.x, box.y + box.height + kTiny + 4, kTiny, FitWidth(chart.x_label, kTiny, room.width - left),
                   theme.faint);
      }
      return y + box.height + (chart.x_label.empty() ? 0 : kBelowCells) - room.y;
    }
    case ChartKind::kLines:
    case ChartKind::kBars: {
      const bool legend = !chart.y_label.empty() || chart.series.size() > 1;
      if (legend) {
        double at = room.x + kLeft;
        if (!chart.y_label.empty()) {
          scene.Text(at, y + kTiny, kTiny, chart.y_label, theme.faint);
          at += TextWidth(chart.y_label, kTiny) + 14;
        }
        for (size_t s = 0; s < chart.series.size() && chart.series.size() > 1; ++s) {
          scene.Rectangle(at, y + kTiny * 0.5, 12, 3, theme.lines[s % 4]);
          scene.Text(at + 16, y + kTiny, kTiny, chart.series[s].label, theme.faint);
          at += 30 + TextWidth(chart.series[s].label, kTiny);
        }
        y += kTiny * kLineGap;
      }
      const Box box{room.x + kLeft, y + 4, room.width - kLeft - 4, std::min(most_height, room.width * 0.45)};
      const Axis x = XAxisOf(chart, box);
      const Axis up = YAxisOf(chart, box);
      DrawAxes(scene, chart, x, up, box, theme);
      DrawOdd(scene, chart, x, box, 2);
      if (chart.kind == ChartKind::kBars) {
        DrawBars(scene, chart, box, theme);
      } else {
        DrawSeries(scene, chart, x, up, theme, 1.5);
      }
      return box.y + box.height + kBottom - room.y;
    }
  }
  return 0;
}

Scene DrawBareChart(const Chart& chart, double width, double height, const Theme& theme) {
  Scene scene{.width = width, .height = height};
  const Box box{0, 0, width, height};
  const Axis x{chart.x_low, chart.x_high, 0, width};
  switch (chart.kind) {
    case ChartKind::kCells: scene.Image(0, 0, width, height, chart.cells); break;
    case ChartKind::kLines: {
      DrawOdd(scene, chart, x, box, 4);
      const Axis y = YAxisOf(chart, box);
      // A letter has one colour for all its dots: the band's edges, so that the line between them is seen.
      Chart edges{.kind = ChartKind::kLines};
      Chart lines = chart;
      for (Series& series : lines.series) {
        if (!series.low.empty()) {
          edges.series.push_back({.x = series.x, .y = series.low});
          edges.series.push_back({.x = series.x, .y = series.high});
        }
        series.low.clear();
        series.high.clear();
      }
      Theme pale = theme;
      std::ranges::fill(pale.lines, theme.faint);
      DrawSeries(scene, edges, x, y, pale, 2);
      DrawSeries(scene, lines, x, y, theme, 4);
      break;
    }
    case ChartKind::kBars: DrawBars(scene, chart, box, theme); break;
    case ChartKind::kText: break;
  }
  return scene;
}

}  // namespace pthview::pictures
