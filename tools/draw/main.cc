// pthview-draw: pictures of scenes, which come on standard input.
//
//   pthview-draw png                                                 one scene; a PNG file
//   pthview-draw detect                                              what the terminal can show
//   pthview-draw terminal WAY COLOR CHARACTERS CELL_WIDTH CELL_HEIGHT
//       scenes, each behind a line "COLUMNS ROWS LETTERS BYTES"; what shows each in a terminal, ended by a zero byte
//
// A program of its own: its libraries take longer to load than most verbs run.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "lib/analysis/pictures/scene.h"
#include "tools/draw/cairo_scene.h"
#include "tools/draw/chafa_terminal.h"
#include "tools/read_input.h"

namespace pthview::draw {
namespace {

constexpr rlim_t kMostMemory = rlim_t{2} << 30;
constexpr rlim_t kMostSeconds = 120;
constexpr size_t kMostInput = size_t{512} << 20;

void Limit(decltype(RLIMIT_AS) what, rlim_t most) {
  const rlimit limit{most, most};
  setrlimit(what, &limit);
}

bool Say(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

cairo_status_t WritePiece(void* /*closure*/, const unsigned char* data, unsigned int length) {
  return std::fwrite(data, 1, length, stdout) == length ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

bool Png(std::string_view input) {
  auto scene = pictures::UnpackScene(input);
  if (!scene) return false;
  const Surface surface = DrawScene(*scene, true);
  return surface && cairo_surface_write_to_png_stream(surface.get(), WritePiece, nullptr) == CAIRO_STATUS_SUCCESS &&
         std::fflush(stdout) == 0;
}

bool InTerminal(std::string_view input, char** words) {
  TerminalFrame frame{.way = words[2],
                      .color = std::strcmp(words[3], "color") == 0,
                      .ascii = std::strcmp(words[4], "ascii") == 0,
                      .cell_width = std::atoi(words[5]),
                      .cell_height = std::atoi(words[6])};
  while (!input.empty()) {
    const size_t end = input.find('\n');
    if (end == std::string_view::npos) return false;
    size_t bytes = 0;
    const std::string numbers(input.substr(0, end));
    if (std::sscanf(numbers.c_str(), "%d %d %d %zu", &frame.columns, &frame.rows, &frame.letters, &bytes) != 4 ||
        bytes > input.size() - end - 1) {
      return false;
    }
    auto scene = pictures::UnpackScene(input.substr(end + 1, bytes));
    if (!scene) return false;
    const Surface surface = DrawScene(*scene, frame.way != "symbols");
    if (!surface || !Say(ShowInTerminal(surface.get(), frame)) || !Say({"\0", 1})) return false;
    input.remove_prefix(end + 1 + bytes);
  }
  return true;
}

}  // namespace
}  // namespace pthview::draw

int main(int count, char** words) {
  using namespace pthview::draw;
  Limit(RLIMIT_AS, kMostMemory);
  Limit(RLIMIT_CPU, kMostSeconds);
  Limit(RLIMIT_CORE, 0);
  const std::string_view what = count > 1 ? words[1] : "";
  if (what == "detect") return Say(DetectedWay()) ? EXIT_SUCCESS : EXIT_FAILURE;
  std::string input;
  if (!pthview::ReadInput(kMostInput, input)) return EXIT_FAILURE;
  const bool drawn =
      what == "png" && count == 2 ? Png(input) : what == "terminal" && count == 7 && InTerminal(input, words);
  return drawn ? EXIT_SUCCESS : EXIT_FAILURE;
}
