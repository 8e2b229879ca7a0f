#include "tools/cli/terminal.h"

#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include "lib/base/progress.h"

namespace pthview {
namespace {

constexpr size_t kUsualWidth = 80;
constexpr size_t kLeastReadable = 24;

struct Terminal {
  bool on = isatty(STDOUT_FILENO) == 1;
  size_t columns = kNoWidthLimit;

  Terminal() {
    if (!on) return;
    winsize size = {};
    columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
  }
};

const Terminal& TheTerminal() {
  static const Terminal terminal;
  return terminal;
}

// Where a program of that name is, for the shell: the first word of a command.
bool IsInstalled(std::string_view command) {
  std::string program(command.substr(0, command.find(' ')));
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  const char* path = getenv("PATH");
  for (std::string_view rest = path == nullptr ? "" : path; !rest.empty();) {
    std::string_view folder = rest.substr(0, rest.find(':'));
    if (access((std::string(folder) + "/" + program).c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
  }
  return false;
}

std::string WantedPager() {
  for (const char* name : {"PTHVIEW_PAGER", "PAGER"}) {
    if (const char* wanted = getenv(name)) return wanted;
  }
  return "less";
}

std::string offered;            // the command; empty: none
std::atomic<pid_t> running{0};  // read by a signal handler
static_assert(std::atomic<pid_t>::is_always_lock_free);

}  // namespace

bool OnTerminal() { return TheTerminal().on; }

size_t OutputWidth(const Arguments& arguments) {
  size_t width = 0;
  auto number = [&](std::string_view text) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), width);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
  };
  if (number(arguments.Value("width"))) return width == 0 ? kNoWidthLimit : width;
  const char* columns = getenv("COLUMNS");
  if (columns != nullptr && number(columns) && width > 0) return width;
  return TheTerminal().columns;
}

size_t ReadableWidth(const Arguments& arguments) { return std::max(OutputWidth(arguments), kLeastReadable); }

namespace pager {

void Offer(const Arguments& arguments) {
  const char* term = getenv("TERM");
  const bool dumb = term == nullptr || std::strcmp(term, "dumb") == 0;
  // Pagers show no pictures.
  const bool other = arguments.Flag("json") || arguments.Flag("plot");
  if (!OnTerminal() || dumb || arguments.Flag("no-pager") || other) return;
  std::string command = WantedPager();
  if (command.empty() || command == "cat" || !IsInstalled(command)) return;
  offered = std::move(command);
}

void StartIfOffered() {
  if (offered.empty()) return;
  std::string command = std::move(offered);
  offered.clear();
  int ends[2];
  if (pipe(ends) != 0) return;
  pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    return;
  }
  if (child == 0) {
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
    // Quit when it fits on one screen, keep colours, leave the text on the screen.
    setenv("LESS", "FRX", 0);
    setenv("LV", "-c", 0);
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  Progress::Erase();
  Progress::Show(false);  // the screen is the pager's
  dup2(ends[1], STDOUT_FILENO);
  if (isatty(STDERR_FILENO) == 1) dup2(ends[1], STDERR_FILENO);  // notes stand behind what they are about
  close(ends[0]);
  close(ends[1]);
  running = child;
  std::atexit(Finish);
}

void Finish() {
  const pid_t child = running.exchange(0);
  if (child == 0) return;
  close(STDOUT_FILENO);
  close(STDERR_FILENO);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace pager
}  // namespace pthview
