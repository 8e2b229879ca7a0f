#include "tools/draw/draw.h"

#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "tools/run_helper.h"

namespace pthview::draw {
namespace {

constexpr int kSeconds = 120;
constexpr auto kWays = std::to_array<std::string_view>({"symbols", "sixel", "kitty", "iterm"});

Result<std::string> Ask(const std::vector<std::string>& words, std::string_view input) {
  PTHVIEW_ASSIGN(HelperAnswer answer, RunHelper("pthview-draw", words, input, kSeconds));
  if (answer.succeeded) return std::move(answer.output);
  return Error{.code = ErrorCode::kLimit,
               .message = answer.finished ? "the picture could not be drawn"
                                          : fmt::format("the picture was not drawn within {} seconds", kSeconds),
               .hint = "fewer names at once; `-o picture.svg` needs no drawing library"};
}

}  // namespace

Result<std::string> DrawPng(const pictures::Scene& scene) { return Ask({"png"}, PackScene(scene)); }

Result<TerminalWay> DetectTerminal() {
  PTHVIEW_ASSIGN(const std::string way, Ask({"detect"}, ""));
  for (size_t i = 0; i < kWays.size(); ++i) {
    if (way == kWays[i]) return static_cast<TerminalWay>(i);
  }
  return TerminalWay::kSymbols;
}

Result<std::vector<std::string>> DrawInTerminal(std::span<const TerminalPicture> pictures,
                                                const TerminalOptions& options) {
  // Each picture behind a line of numbers: columns, rows, letters, bytes.
  std::string input;
  for (const TerminalPicture& picture : pictures) {
    const std::string scene = PackScene(picture.scene);
    input +=
        fmt::format("{} {} {} {}\n", picture.columns, picture.rows, static_cast<int>(picture.letters), scene.size());
    input += scene;
  }
  PTHVIEW_ASSIGN(const std::string output,
                 Ask({"terminal", std::string(kWays[static_cast<size_t>(options.way)]),
                      options.color ? "color" : "plain", options.ascii ? "ascii" : "unicode",
                      std::to_string(options.cell_width), std::to_string(options.cell_height)},
                     input));
  // Each ends with a zero byte.
  std::vector<std::string> drawn;
  for (size_t at = 0; at < output.size();) {
    const size_t end = output.find('\0', at);
    drawn.push_back(output.substr(at, end - at));
    at = end == std::string::npos ? output.size() : end + 1;
  }
  drawn.resize(pictures.size());
  return drawn;
}

}  // namespace pthview::draw
