#include "tools/draw/cairo_scene.h"

#include <cmath>
#include <cstring>
#include <string>

namespace pthview::draw {
namespace {

using pictures::Anchor;
using pictures::Color;
using pictures::Point;
using pictures::Shape;
using pictures::ShapeKind;

void SetColor(cairo_t* context, Color color, double opacity) {
  cairo_set_source_rgba(context, color.red / 255.0, color.green / 255.0, color.blue / 255.0, opacity);
}

void Trace(cairo_t* context, const std::vector<Point>& points) {
  cairo_move_to(context, points[0].x, points[0].y);
  for (size_t i = 1; i < points.size(); ++i) cairo_line_to(context, points[i].x, points[i].y);
}

void DrawImage(cairo_t* context, const Shape& shape) {
  const pictures::Raster& raster = shape.image;
  if (raster.width <= 0 || raster.height <= 0) return;
  Surface image(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(raster.width), static_cast<int>(raster.height)));
  if (cairo_surface_status(image.get()) != CAIRO_STATUS_SUCCESS) return;
  cairo_surface_flush(image.get());
  unsigned char* data = cairo_image_surface_get_data(image.get());
  const int stride = cairo_image_surface_get_stride(image.get());
  for (int64_t y = 0; y < raster.height; ++y) {
    for (int64_t x = 0; x < raster.width; ++x) {
      const Color color = raster.At(x, y);
      const uint32_t pixel = static_cast<uint32_t>(color.red) << 16 | static_cast<uint32_t>(color.green) << 8 |
                             static_cast<uint32_t>(color.blue);
      std::memcpy(data + y * stride + x * 4, &pixel, sizeof(pixel));
    }
  }
  cairo_surface_mark_dirty(image.get());
  cairo_save(context);
  cairo_translate(context, shape.points[0].x, shape.points[0].y);
  cairo_rectangle(context, 0, 0, shape.points[1].x, shape.points[1].y);
  cairo_clip(context);
  cairo_scale(context, shape.points[1].x / static_cast<double>(raster.width),
              shape.points[1].y / static_cast<double>(raster.height));
  cairo_set_source_surface(context, image.get(), 0, 0);
  // A pixel is a value: nothing between two of them is made up. Where cells are smaller than pixels they are averaged.
  const bool shrinks =
      shape.points[1].x < static_cast<double>(raster.width) || shape.points[1].y < static_cast<double>(raster.height);
  cairo_pattern_set_filter(cairo_get_source(context), shrinks ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
  cairo_pattern_set_extend(cairo_get_source(context), CAIRO_EXTEND_PAD);
  cairo_paint(context);
  cairo_restore(context);
}

void DrawText(cairo_t* context, const Shape& shape) {
  const std::string text = shape.text.substr(0, shape.text.find('\0'));
  cairo_select_font_face(context, std::string(pictures::kFont).c_str(), CAIRO_FONT_SLANT_NORMAL,
                         shape.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context, shape.size);
  cairo_text_extents_t extents;
  cairo_text_extents(context, text.c_str(), &extents);
  const double back = shape.anchor == Anchor::kStart    ? 0
                      : shape.anchor == Anchor::kMiddle ? extents.x_advance / 2
                                                        : extents.x_advance;
  cairo_save(context);
  cairo_translate(context, shape.points[0].x, shape.points[0].y);
  if (shape.upward) cairo_rotate(context, -M_PI / 2);
  cairo_move_to(context, -back, 0);
  cairo_show_text(context, text.c_str());
  cairo_restore(context);
}

void DrawShape(cairo_t* context, const Shape& shape) {
  SetColor(context, shape.color, shape.opacity);
  cairo_new_path(context);
  switch (shape.kind) {
    case ShapeKind::kRectangle:
      cairo_rectangle(context, shape.points[0].x, shape.points[0].y, shape.points[1].x, shape.points[1].y);
      cairo_fill(context);
      break;
    case ShapeKind::kLine:
      cairo_set_line_width(context, shape.size);
      cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND);
      Trace(context, shape.points);
      cairo_stroke(context);
      break;
    case ShapeKind::kArea:
      Trace(context, shape.points);
      cairo_close_path(context);
      cairo_fill(context);
      break;
    case ShapeKind::kText: DrawText(context, shape); break;
    case ShapeKind::kImage: DrawImage(context, shape); break;
  }
}

}  // namespace

Surface DrawScene(const pictures::Scene& scene, bool smooth) {
  if (!(scene.width > 0 && scene.width < 32768 && scene.height > 0 && scene.height < 32768)) return nullptr;
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, static_cast<int>(std::ceil(scene.width)),
                                             static_cast<int>(std::ceil(scene.height))));
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS) return nullptr;
  cairo_t* context = cairo_create(surface.get());
  // The same on every machine with the same font, whatever its settings are.
  cairo_font_options_t* font = cairo_font_options_create();
  cairo_font_options_set_antialias(font, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(font, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(font, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(context, font);
  cairo_font_options_destroy(font);
  if (!smooth) cairo_set_antialias(context, CAIRO_ANTIALIAS_NONE);
  for (const Shape& shape : scene.shapes) DrawShape(context, shape);
  const bool drawn = cairo_status(context) == CAIRO_STATUS_SUCCESS;
  cairo_destroy(context);
  cairo_surface_flush(surface.get());
  return drawn ? std::move(surface) : nullptr;
}

}  // namespace pthview::draw
