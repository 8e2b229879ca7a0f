// Pictures in terminals, with chafa.
#pragma once

#include <string>
#include <string_view>

#include <cairo.h>

namespace pthview::draw {

// "kitty", "iterm", "sixel" or "symbols": the best that the environment's terminal is known to show.
std::string_view DetectedWay();

struct TerminalFrame {
  std::string_view way;  // as above
  bool color = true;
  bool ascii = false;
  int columns = 0;
  int rows = 0;
  int letters = 0;  // Letters of draw.h
  int cell_width = 8;
  int cell_height = 16;
};

// An image surface (ARGB32), as what a terminal shows it for.
std::string ShowInTerminal(cairo_surface_t* surface, const TerminalFrame& frame);

}  // namespace pthview::draw
