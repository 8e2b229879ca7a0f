// Draws scenes by pthview-draw, in a process of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/analysis/pictures/scene.h"
#include "lib/base/result.h"

namespace pthview::draw {

// The scene as a PNG file. kNotFound when that program is not installed, kLimit when it takes more than it may.
Result<std::string> DrawPng(const pictures::Scene& scene);

// What a terminal can show: its own pictures in one of three ways, or letters that look like parts of one.
enum class TerminalWay : uint8_t { kSymbols, kSixel, kKitty, kIterm };

// By what the environment says of the terminal.
Result<TerminalWay> DetectTerminal();

// Which letters a picture of letters is made of.
enum class Letters : uint8_t {
  kHalves,   // half blocks: exact for pictures of cells
  kBraille,  // dots: lines
  kBlocks,   // blocks of eighths: bars
};

struct TerminalPicture {
  pictures::Scene scene;  // 8 x 8 pixels a letter where it is made of letters
  int columns = 0;        // of the terminal
  int rows = 0;
  Letters letters = Letters::kHalves;
};

struct TerminalOptions {
  TerminalWay way = TerminalWay::kSymbols;
  bool color = true;
  bool ascii = false;  // letters of ASCII only
  int cell_width = 8;  // pixels of the terminal's own cells, for pictures of its own
  int cell_height = 16;
};

// What shows each of them in the terminal, ready to be written: lines with their ends.
Result<std::vector<std::string>> DrawInTerminal(std::span<const TerminalPicture> pictures,
                                                const TerminalOptions& options);

}  // namespace pthview::draw
