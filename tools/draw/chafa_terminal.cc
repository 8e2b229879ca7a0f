#include "tools/draw/chafa_terminal.h"

#include <array>

#include <chafa.h>

extern char** environ;

namespace pthview::draw {
namespace {

struct Way {
  std::string_view name;
  ChafaPixelMode mode;
  ChafaTermSeq needs;
};
constexpr auto kWays = std::to_array<Way>({
    {"kitty", CHAFA_PIXEL_MODE_KITTY, CHAFA_TERM_SEQ_BEGIN_KITTY_IMMEDIATE_IMAGE_V1},
    {"iterm", CHAFA_PIXEL_MODE_ITERM2, CHAFA_TERM_SEQ_BEGIN_ITERM2_IMAGE},
    {"sixel", CHAFA_PIXEL_MODE_SIXELS, CHAFA_TERM_SEQ_BEGIN_SIXELS},
});

ChafaCanvasMode ColorsOf(ChafaTermInfo* terminal) {
  if (chafa_term_info_have_seq(terminal, CHAFA_TERM_SEQ_SET_COLOR_FGBG_DIRECT)) return CHAFA_CANVAS_MODE_TRUECOLOR;
  if (chafa_term_info_have_seq(terminal, CHAFA_TERM_SEQ_SET_COLOR_FGBG_256)) return CHAFA_CANVAS_MODE_INDEXED_240;
  return CHAFA_CANVAS_MODE_INDEXED_16;
}

int SymbolsOf(const TerminalFrame& frame) {
  if (frame.ascii) return CHAFA_SYMBOL_TAG_ASCII | CHAFA_SYMBOL_TAG_SPACE;
  switch (frame.letters) {
    case 0:
      return frame.color
                 ? CHAFA_SYMBOL_TAG_VHALF | CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID
                 : CHAFA_SYMBOL_TAG_STIPPLE | CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID | CHAFA_SYMBOL_TAG_VHALF;
    case 1: return CHAFA_SYMBOL_TAG_BRAILLE | CHAFA_SYMBOL_TAG_SPACE;
    default: return CHAFA_SYMBOL_TAG_BLOCK | CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID;
  }
}

}  // namespace

std::string_view DetectedWay() {
  ChafaTermInfo* terminal = chafa_term_db_detect(chafa_term_db_get_default(), environ);
  for (const Way& way : kWays) {
    if (chafa_term_info_have_seq(terminal, way.needs)) return way.name;
  }
  return "symbols";
}

std::string ShowInTerminal(cairo_surface_t* surface, const TerminalFrame& frame) {
  ChafaTermDb* all = chafa_term_db_get_default();
  ChafaTermInfo* terminal = chafa_term_db_detect(all, environ);
  const ChafaCanvasMode colors = ColorsOf(terminal);
  // What was asked for although the terminal is not known to have it.
  chafa_term_info_supplement(terminal, chafa_term_db_get_fallback_info(all));
  ChafaCanvasConfig* config = chafa_canvas_config_new();
  chafa_canvas_config_set_geometry(config, frame.columns, frame.rows);
  chafa_canvas_config_set_cell_geometry(config, frame.cell_width, frame.cell_height);
  ChafaPixelMode mode = CHAFA_PIXEL_MODE_SYMBOLS;
  for (const Way& way : kWays) {
    if (frame.way == way.name) mode = way.mode;
  }
  chafa_canvas_config_set_pixel_mode(config, mode);
  if (mode == CHAFA_PIXEL_MODE_SYMBOLS) {
    chafa_canvas_config_set_canvas_mode(config, frame.color ? colors : CHAFA_CANVAS_MODE_FGBG);
    ChafaSymbolMap* symbols = chafa_symbol_map_new();
    chafa_symbol_map_add_by_tags(symbols, static_cast<ChafaSymbolTags>(SymbolsOf(frame)));
    chafa_canvas_config_set_symbol_map(config, symbols);
    chafa_symbol_map_unref(symbols);
    // Lines and bars have one colour, and the terminal's ground between them.
    if (frame.letters != 0) {
      chafa_canvas_config_set_fg_only_enabled(config, TRUE);
      chafa_canvas_config_set_color_extractor(config, CHAFA_COLOR_EXTRACTOR_MEDIAN);
    }
    // Colours stand for values: no dithering, and no contrast that is not there.
    chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_NONE);
    chafa_canvas_config_set_preprocessing_enabled(config, FALSE);
    chafa_canvas_config_set_work_factor(config, 1.0F);
  } else {
    chafa_canvas_config_set_canvas_mode(config, CHAFA_CANVAS_MODE_TRUECOLOR);
  }
  ChafaCanvas* canvas = chafa_canvas_new(config);
  chafa_canvas_draw_all_pixels(canvas, CHAFA_PIXEL_BGRA8_PREMULTIPLIED, cairo_image_surface_get_data(surface),
                               cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface),
                               cairo_image_surface_get_stride(surface));
  GString* text = chafa_canvas_print(canvas, terminal);
  std::string shown(text->str, text->len);
  if (shown.empty() || shown.back() != '\n') shown += '\n';
  // Where only letters have a colour, the last of them is left on.
  if (mode == CHAFA_PIXEL_MODE_SYMBOLS && frame.color) shown += "\x1b[0m";
  return shown;  // the system takes the memory back
}

}  // namespace pthview::draw
