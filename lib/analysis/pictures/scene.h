// A drawing as a list of shapes, in pixels from the upper left corner: what SVG is written from, and what a drawing
// library is told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/pictures/color.h"
#include "lib/analysis/pictures/raster.h"
#include "lib/base/result.h"

namespace pthview::pictures {

struct Point {
  double x = 0;
  double y = 0;
};

enum class Anchor : uint8_t { kStart, kMiddle, kEnd };

enum class ShapeKind : uint8_t {
  kRectangle,  // points[0] the upper left corner, points[1] width and height
  kLine,       // through all points; `size` is its width
  kArea,       // the polygon of the points
  kText,       // points[0] where the base line begins, has its middle, or ends; `size` is the font's
  kImage,      // as kRectangle, filled with `image`: each pixel a rectangle of its own, nothing between is made up
};

struct Shape {
  ShapeKind kind = ShapeKind::kRectangle;
  Color color;
  double opacity = 1;
  double size = 1;
  std::vector<Point> points;
  Anchor anchor = Anchor::kStart;
  bool bold = false;
  bool upward = false;  // a text that is read from bottom to top
  std::string text;     // safe to show: nothing but characters, escaped where they act on what shows them
  Raster image;
};

struct Scene {
  double width = 0;
  double height = 0;
  std::vector<Shape> shapes;

  void Rectangle(double x, double y, double width, double height, Color color, double opacity = 1);
  void Line(std::vector<Point> points, Color color, double width);
  void Area(std::vector<Point> points, Color color, double opacity);
  // Any text: what cannot be shown is escaped here.
  void Text(double x, double y, double size, std::string_view text, Color color, Anchor anchor = Anchor::kStart,
            bool bold = false, bool upward = false);
  void Image(double x, double y, double width, double height, Raster image);
  // `other`, moved. The size stays.
  void Place(const Scene& other, double x, double y);
};

// The font of all texts: what third_party/apt.txt installs, else any without serifs.
inline constexpr std::string_view kFont = "DejaVu Sans";

// About how wide it will be: by that font's widths of ASCII characters, and 0.6 of `size` a column for others.
double TextWidth(std::string_view text, double size);
// The text, shortened in its middle to fit into `width`.
std::string FitWidth(std::string_view text, double size, double width);

// A whole file. Texts stay texts; pictures are embedded as PNG and shown with sharp pixels.
std::string SvgOf(const Scene& scene);

// For a program on the other side of a pipe, and back. The text is one of ours: kCorrupt when it is not.
std::string PackScene(const Scene& scene);
Result<Scene> UnpackScene(std::string_view packed);

}  // namespace pthview::pictures
