#include "tools/cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/names/suggest.h"
#include "lib/base/escape.h"
#include "lib/base/progress.h"
#include "tools/cli/terminal.h"

namespace pthview {

void Output::Flush() {
  if (buffer_.empty()) return;
  Progress::Erase();
  pager::StartIfOffered();
  size_t done = 0;
  while (done < buffer_.size()) {
    ssize_t wrote = write(STDOUT_FILENO, buffer_.data() + done, buffer_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      if (errno == EPIPE) {
        pager::Finish();
        _exit(0);
      }
      PrintError({.code = ErrorCode::kIo,
                  .message = fmt::format("standard output cannot be written: {}", std::strerror(errno))});
      _exit(2);
    }
    done += static_cast<size_t>(wrote);
  }
  buffer_.clear();
}

void Leave(Output& out, int code) {
  out.Flush();
  pager::Finish();
  _exit(code);
}

bool UseColor(const Arguments& arguments) {
  std::string wanted = arguments.Value("color", "auto");
  if (wanted == "always") return true;
  if (wanted == "never") return false;
  const char* no_color = getenv("NO_COLOR");
  return OnTerminal() && (no_color == nullptr || *no_color == 0);
}

std::string Style::Wrap(std::string_view code, std::string_view text) const {
  if (!on_) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

Error WithNearFile(Error error) {
  namespace fs = std::filesystem;
  if (!error.hint.empty() || error.file.empty() || error.code == ErrorCode::kUsage) return error;
  std::error_code none;
  const fs::path path(error.file);
  if (fs::exists(path, none) || none) return error;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  constexpr size_t kMostEntries = 20'000;
  std::vector<std::string> names;
  for (fs::directory_iterator at(folder, none), end; !none && at != end && names.size() < kMostEntries;
       at.increment(none)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  auto near = Suggest(path.filename().string(), candidates, 1);
  if (near.empty()) return error;
  const std::string found = path.has_parent_path() ? (path.parent_path() / near[0]).string() : near[0];
  error.hint = fmt::format("did you mean {}?", ShellWord(found));
  return error;
}

void PrintError(const Error& plain) {
  const Error error = WithNearFile(plain);
  std::string text = "pthview: " + ToString(error) + "\n";
  if (!error.hint.empty()) text += "  try: " + EscapeForTerminal(error.hint) + "\n";
  Progress::Erase();
  // Nothing can be done when standard error is closed.
  [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
}

void PrintNote(const Arguments& arguments, std::string_view text) {
  if (arguments.Flag("quiet")) return;
  Progress::Erase();
  std::string line = "pthview: " + EscapeForTerminal(text) + "\n";
  [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
}

std::string ShellWord(std::string_view name) {
  constexpr std::string_view kPlain = "_-./+,:@%=^";
  auto plain = [&](unsigned char c) { return std::isalnum(c) != 0 || c >= 0x80 || kPlain.find(c) != kPlain.npos; };
  std::string shown = EscapeForTerminal(name);
  const bool is_option = name.starts_with('-') && name != "-";
  if (!name.empty() && shown == name && !is_option && std::all_of(name.begin(), name.end(), plain)) return shown;
  std::string quoted = is_option ? "'./" : "'";
  for (char c : shown) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string WithCommas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string PercentText(int64_t part, int64_t all) {
  if (part <= 0 || all <= 0) return "0%";
  if (part == all) return "100%";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(all);
  if (share >= 99.95) return ">99.9%";
  return share < 99 ? fmt::format("{:.2g}%", share) : fmt::format("{:.3g}%", share);
}

std::string BytesText(uint64_t bytes) {
  std::string exact = fmt::format("{} bytes", WithCommas(bytes));
  return bytes < 1024 ? exact : fmt::format("{} ({})", exact, HumanBytes(bytes));
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double size = static_cast<double>(bytes);
  size_t unit = 0;
  size /= 1024;
  while (size >= 1023.95 && unit + 1 < std::size(kUnits)) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

}  // namespace pthview
