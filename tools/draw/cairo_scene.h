// Draws a scene with cairo.
#pragma once

#include <memory>

#include <cairo.h>

#include "lib/analysis/pictures/scene.h"

namespace pthview::draw {

struct DestroySurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Surface = std::unique_ptr<cairo_surface_t, DestroySurface>;

// As large as the scene; transparent where nothing is drawn. `smooth` is off where letters are made of its pixels.
// nullptr when it is too large for cairo, or memory.
Surface DrawScene(const pictures::Scene& scene, bool smooth);

}  // namespace pthview::draw
