#include "tools/cli/picture_output.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/output_file.h"
#include "tools/cli/console.h"
#include "tools/cli/terminal.h"

namespace pthview {
namespace {

constexpr auto kExtensions = std::to_array<std::string_view>({"png", "svg"});
constexpr auto kWays = std::to_array<std::string_view>({"symbols", "sixel", "kitty", "iterm"});
constexpr size_t kMostFileName = 200;
constexpr size_t kMostInSheet = 64;

bool IsFolder(const std::string& path) {
  struct stat about = {};
  return path.ends_with('/') || (stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode));
}

Error Usage(std::string message, std::string hint) {
  return Error{.code = ErrorCode::kUsage, .message = std::move(message), .hint = std::move(hint)};
}

Result<std::string_view> ExtensionOf(const Arguments& arguments, const std::string& output, bool one_file) {
  std::string wanted = arguments.Value("to");
  if (wanted.empty() && one_file && output != "-") {
    const size_t dot = output.rfind('.');
    wanted = dot == std::string::npos || output.find('/', dot) != std::string::npos ? "" : output.substr(dot + 1);
  } else if (wanted.empty()) {
    wanted = "png";
  }
  const auto* found = std::ranges::find(kExtensions, wanted);
  if (found != kExtensions.end()) return *found;
  Error error = Usage("a picture is written as png or svg", "`-o plot.png`, or name the format by --to");
  error.file = output;
  return error;
}

Status AskTerminal(const Arguments& arguments, PictureTarget& target) {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    if (size.ws_row > 0) target.rows = size.ws_row;
    if (size.ws_xpixel > 0 && size.ws_col > 0) target.terminal.cell_width = std::max(size.ws_xpixel / size.ws_col, 1);
    if (size.ws_ypixel > 0 && size.ws_row > 0) target.terminal.cell_height = std::max(size.ws_ypixel / size.ws_row, 1);
  }
  const size_t width = ReadableWidth(arguments);
  target.columns = width == kNoWidthLimit ? 80 : static_cast<int>(std::min<size_t>(width, 1000));
  const char* term = getenv("TERM");
  const bool plain = term == nullptr || *term == '\0' || std::strcmp(term, "dumb") == 0;
  target.terminal.color = UseColor(arguments) && !plain;
  target.terminal.ascii = plain;
  const std::string way = arguments.Value("terminal", "auto");
  const auto* found = std::ranges::find(kWays, way);
  if (found != kWays.end()) {
    target.terminal.way = static_cast<draw::TerminalWay>(found - kWays.begin());
    return Ok();
  }
  if (way != "auto") return Usage(fmt::format("--terminal is auto, symbols, sixel, kitty or iterm, not '{}'", way), "");
  // Without colours a picture would have some.
  if (!target.terminal.color) return Ok();
  PTHVIEW_ASSIGN(target.terminal.way, draw::DetectTerminal());
  return Ok();
}

// A name as a file is called: no folders, nothing that is not plain, and not too long.
std::string FileNameOf(std::string_view title) {
  std::string name;
  for (char c : EscapeForTerminal(title)) {
    const bool bad = static_cast<unsigned char>(c) < 0x21 || std::strchr("/\\:*?\"<>|", c) != nullptr;
    name += bad ? '_' : c;
  }
  if (name.size() > kMostFileName) name = name.substr(name.size() - kMostFileName);
  while (!name.empty() && (static_cast<unsigned char>(name[0]) & 0xC0) == 0x80) name.erase(0, 1);
  if (name.empty() || name[0] == '.' || name[0] == '-') name.insert(0, "_");
  return name;
}

Status WriteScene(const PictureTarget& target, const std::string& path, const pictures::Scene& scene, bool force) {
  std::string file;
  if (target.extension == "svg") {
    file = pictures::SvgOf(scene);
  } else {
    PTHVIEW_ASSIGN(file, draw::DrawPng(scene));
  }
  PTHVIEW_ASSIGN(OutputFile out, OutputFile::Create(path, force));
  PTHVIEW_TRY(out.Write(file));
  return out.Commit();
}

Status WriteFolder(const PictureTarget& target, std::span<const pictures::Panel> panels, bool force) {
  std::string folder = target.output;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    return Error{.code = ErrorCode::kIo, .message = fmt::format("no folder: {}", std::strerror(errno)), .file = folder};
  }
  std::set<std::string> taken;
  for (const pictures::Panel& panel : panels) {
    const std::string name = FileNameOf(panel.title);
    std::string unique = name;
    for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}-{}", name, i);
    PTHVIEW_TRY(WriteScene(target, fmt::format("{}/{}.{}", folder, unique, target.extension),
                           pictures::DrawPanel(panel, pictures::kPanelWidth, *target.theme), force));
  }
  return Ok();
}

}  // namespace

Result<PictureTarget> ChoosePictureTarget(const Arguments& arguments) {
  PictureTarget target;
  target.theme = pictures::ThemeByName(arguments.Value("theme", "light"));
  if (target.theme == nullptr) {
    return Usage(fmt::format("--theme is light or dark, not '{}'", arguments.Value("theme")), "");
  }
  target.output = arguments.Value("output");
  if (arguments.Flag("output")) {
    const bool folder = target.output != "-" && IsFolder(target.output);
    target.place = folder ? PictureTarget::Place::kFolder : PictureTarget::Place::kFile;
    PTHVIEW_ASSIGN(target.extension, ExtensionOf(arguments, target.output, !folder));
    if (target.output == "-" && OnTerminal()) {
      return Usage("a picture file is not for a terminal to read", "without -o it is shown here");
    }
    return target;
  }
  if (!OnTerminal() && !arguments.Flag("terminal")) {
    return Usage("a picture needs a file to go to, or a terminal",
                 "`-o plot.png`, `-o plot.svg`, or `-o -` for standard output");
  }
  target.place = PictureTarget::Place::kTerminal;
  PTHVIEW_TRY(AskTerminal(arguments, target));
  return target;
}

Status WritePictures(const PictureTarget& target, const Arguments& arguments, std::span<const pictures::Panel> panels) {
  const bool force = arguments.Flag("force");
  switch (target.place) {
    case PictureTarget::Place::kFolder: return WriteFolder(target, panels, force);
    case PictureTarget::Place::kFile:
      if (panels.size() > kMostInSheet) {
        return Usage(fmt::format("{} pictures are too many for one sheet of {}", panels.size(), kMostInSheet),
                     "`-o FOLDER/` writes a file each");
      }
      return WriteScene(target, target.output, pictures::DrawSheet(panels, *target.theme), force);
    case PictureTarget::Place::kTerminal: {
      PTHVIEW_ASSIGN(const std::string text, PanelsForTerminal(target, panels));
      Output out;
      out << text;
      return Ok();
    }
  }
  return Ok();
}

}  // namespace pthview
