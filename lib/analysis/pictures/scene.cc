#include "lib/analysis/pictures/scene.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/display_width.h"
#include "lib/base/escape.h"
#include "lib/base/utf8.h"

namespace pthview::pictures {
namespace {

// Of DejaVu Sans, from the blank on, in thousandths of the font's size.
constexpr auto kWidths = std::to_array<uint16_t>(
    {318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
     636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
     575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
     611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
     278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838});
constexpr double kOther = 0.6;

// Code points that are no characters, which neither XML nor cairo takes, become U+FFFD.
std::string OnlyCharacters(std::string_view text) {
  std::string safe;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = DecodeUtf8(text, at);
    const bool none = (point.value & 0xFFFE) == 0xFFFE || (point.value >= 0xFDD0 && point.value <= 0xFDEF);
    safe += point.valid && !none ? text.substr(at, point.length) : "\xEF\xBF\xBD";
    at += point.length;
  }
  return safe;
}

}  // namespace

void Scene::Rectangle(double x, double y, double w, double h, Color color, double opacity) {
  shapes.push_back({.kind = ShapeKind::kRectangle, .color = color, .opacity = opacity, .points = {{x, y}, {w, h}}});
}

void Scene::Line(std::vector<Point> points, Color color, double w) {
  shapes.push_back({.kind = ShapeKind::kLine, .color = color, .size = w, .points = std::move(points)});
}

void Scene::Area(std::vector<Point> points, Color color, double opacity) {
  shapes.push_back({.kind = ShapeKind::kArea, .color = color, .opacity = opacity, .points = std::move(points)});
}

void Scene::Text(double x, double y, double size, std::string_view text, Color color, Anchor anchor, bool bold,
                 bool upward) {
  shapes.push_back({.kind = ShapeKind::kText,
                    .color = color,
                    .size = size,
                    .points = {{x, y}},
                    .anchor = anchor,
                    .bold = bold,
                    .upward = upward,
                    .text = OnlyCharacters(EscapeForTerminal(text))});
}

void Scene::Image(double x, double y, double w, double h, Raster image) {
  shapes.push_back({.kind = ShapeKind::kImage, .points = {{x, y}, {w, h}}, .image = std::move(image)});
}

void Scene::Place(const Scene& other, double x, double y) {
  for (Shape shape : other.shapes) {
    const bool box = shape.kind == ShapeKind::kRectangle || shape.kind == ShapeKind::kImage;
    for (size_t i = 0; i < (box ? 1 : shape.points.size()); ++i) {
      shape.points[i].x += x;
      shape.points[i].y += y;
    }
    shapes.push_back(std::move(shape));
  }
}

double TextWidth(std::string_view text, double size) {
  double width = 0;
  std::string others;
  for (char c : text) {
    const auto at = static_cast<unsigned char>(c);
    if (at >= 0x20 && at < 0x7f) {
      width += kWidths[at - 0x20] / 1000.0;
    } else {
      others += c;
    }
  }
  return (width + static_cast<double>(DisplayWidth(others)) * kOther) * size;
}

std::string FitWidth(std::string_view text, double size, double width) {
  std::string shown = EscapeForTerminal(text);
  size_t columns = DisplayWidth(shown);
  std::string fitted = shown;
  while (columns > 1 && TextWidth(fitted, size) > width) fitted = FitText(shown, --columns);
  return fitted;
}

}  // namespace pthview::pictures
