#include <array>
#include <string>

#include <fmt/format.h>

#include "lib/analysis/pictures/scene.h"
#include "lib/base/base64.h"
#include "lib/base/escape.h"

namespace pthview::pictures {
namespace {

// Hundredths of a pixel, without zeros at the end.
std::string Number(double value) {
  std::string text = fmt::format("{:.2f}", value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string PointsText(const std::vector<Point>& points) {
  std::string text;
  for (const Point& point : points) {
    if (!text.empty()) text += ' ';
    text += Number(point.x) + "," + Number(point.y);
  }
  return text;
}

std::string Opacity(const Shape& shape) {
  return shape.opacity < 1 ? fmt::format(" fill-opacity=\"{}\"", Number(shape.opacity)) : "";
}

std::string BoxText(const Shape& shape) {
  return fmt::format("x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", Number(shape.points[0].x),
                     Number(shape.points[0].y), Number(shape.points[1].x), Number(shape.points[1].y));
}

std::string ShapeText(const Shape& shape) {
  static constexpr auto kAnchors = std::to_array<std::string_view>({"start", "middle", "end"});
  const std::string color = HexOf(shape.color);
  switch (shape.kind) {
    case ShapeKind::kRectangle: return fmt::format("<rect {} fill=\"{}\"{}/>\n", BoxText(shape), color, Opacity(shape));
    case ShapeKind::kLine:
      return fmt::format(
          "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"/>\n",
          PointsText(shape.points), color, Number(shape.size));
    case ShapeKind::kArea:
      return fmt::format("<polygon points=\"{}\" fill=\"{}\"{}/>\n", PointsText(shape.points), color, Opacity(shape));
    case ShapeKind::kText: {
      const std::string x = Number(shape.points[0].x);
      const std::string y = Number(shape.points[0].y);
      return fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\" text-anchor=\"{}\"{}{}>{}</text>\n", x,
                         y, Number(shape.size), color, kAnchors[static_cast<size_t>(shape.anchor)],
                         shape.bold ? " font-weight=\"bold\"" : "",
                         shape.upward ? fmt::format(" transform=\"rotate(-90 {} {})\"", x, y) : "",
                         EscapeForHtml(shape.text));
    }
    case ShapeKind::kImage:
      return fmt::format(
          "<image {} preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" "
          "href=\"data:image/png;base64,{}\"/>\n",
          BoxText(shape), Base64(EncodePng(shape.image)));
  }
  return "";
}

}  // namespace

std::string SvgOf(const Scene& scene) {
  const std::string width = Number(scene.width);
  const std::string height = Number(scene.height);
  std::string svg = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"{2}, sans-serif\" xml:space=\"preserve\">\n",
      width, height, kFont);
  for (const Shape& shape : scene.shapes) svg += ShapeText(shape);
  return svg + "</svg>\n";
}

}  // namespace pthview::pictures
