// Where pictures go: a file, a file each in a folder, or the terminal.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/pictures/draw.h"
#include "lib/analysis/pictures/panel.h"
#include "lib/base/result.h"
#include "tools/cli/arguments.h"
#include "tools/draw/draw.h"

namespace pthview {

// The options of the verbs that draw, with what the terminal is like.
struct PictureTarget {
  enum class Place : uint8_t { kFile, kFolder, kTerminal };
  Place place = Place::kFile;
  std::string output;          // a file, `-`, or a folder
  std::string_view extension;  // "png", "svg"
  const pictures::Theme* theme = nullptr;
  draw::TerminalOptions terminal;
  // Of the terminal, for pictures.
  int columns = 80;
  int rows = 24;

  bool letters() const { return place == Place::kTerminal && terminal.way == draw::TerminalWay::kSymbols; }
};

// kUsage where there is neither -o nor a terminal, or an option says nothing that is known. Asks the helper what the
// terminal can show.
Result<PictureTarget> ChoosePictureTarget(const Arguments& arguments);

// All panels: a sheet, a file each (named after their titles), or one after the other in the terminal.
Status WritePictures(const PictureTarget& target, const Arguments& arguments, std::span<const pictures::Panel> panels);

// The panels in letters of a terminal that is `target`; each line ends. For WritePictures.
Result<std::string> PanelsForTerminal(const PictureTarget& target, std::span<const pictures::Panel> panels);

}  // namespace pthview
