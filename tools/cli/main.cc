// pthview: finds the verb, parses its options, runs it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include "lib/analysis/names/suggest.h"
#include "lib/base/named_source.h"
#include "lib/base/output_file.h"
#include "lib/base/progress.h"
#include "plugins/host/plugin_formats.h"
#include "tools/cli/completion.h"
#include "tools/cli/console.h"
#include "tools/cli/terminal.h"
#include "tools/cli/verbs.h"
#include "tools/cli/version.h"
#include "tools/fetch/remote.h"

namespace pthview {
namespace {

constexpr size_t kMostWords = 10'000;  // of a line to complete

// Ends at once, and leaves no temporary behind. Everything here is async-signal-safe.
void OnInterrupt(int) {
  OutputFile::RemoveTemporaries();
  pager::Finish();
  _exit(kExitInterrupted);
}

// A standard stream that was closed must not become the descriptor of a file that is opened later: what is printed
// would be written into it. Read-only, so that printing still fails.
void OccupyStandardStreams() {
  for (int descriptor = 0; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return;
  }
}

// Whether it can only be meant as a file: then there is no verb, and `info` is meant.
bool LooksLikeFile(std::string_view name) {
  if (IsUrl(name) || name == "-" || access(std::string(name).c_str(), F_OK) == 0) return true;
  return name.find_first_of("./") != std::string_view::npos && !name.starts_with('-');
}

// `pthview -q model.pth`: options, and behind them a file.
bool LooksLikeFiles(std::span<char* const> arguments) {
  const std::string_view first = arguments[0];
  if (!first.starts_with('-') || first == "-") return LooksLikeFile(first);
  return std::any_of(arguments.begin() + 1, arguments.end(),
                     [](std::string_view argument) { return LooksLikeFile(argument); });
}

int UnknownVerb(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Verb& verb : Verbs()) names.push_back(verb.name);
  const std::string shown = DisplayName(std::string(name));
  Error error{.code = ErrorCode::kUsage, .message = fmt::format("'{}' is not a verb", shown)};
  auto near = Suggest(name, names, 1);
  error.hint = !near.empty() ? fmt::format("did you mean `pthview {}`?", near[0]) : "`pthview --help` lists the verbs";
  PrintError(error);
  return kExitError;
}

int Main(std::span<char* const> arguments) {
  Output out;
  if (arguments.empty()) {
    out << GeneralHelp();
    return kExitError;
  }
  std::string_view first = arguments[0];
  if (first == "--version" || first == "-V" || first == "version") {
    out << "pthview " PTHVIEW_VERSION "\n";
    return kExitOk;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    const Verb* verb = arguments.size() > 1 ? FindVerb(arguments[1]) : nullptr;
    out << (verb != nullptr ? VerbHelp(*verb) : GeneralHelp());
    return kExitOk;
  }
  if (first == "--man") {
    out << ManPage();
    return kExitOk;
  }
  if (first == "--complete" && arguments.size() > 1) {
    size_t at = 0;
    const std::string_view number = arguments[1];
    std::from_chars(number.data(), number.data() + number.size(), at);
    std::vector<std::string> words(arguments.begin() + 2, arguments.end());
    if (at < kMostWords) out << Complete(words, at);
    return kExitOk;
  }
  const Verb* verb = FindVerb(first);
  const bool files_only = verb == nullptr && LooksLikeFiles(arguments);
  if (files_only) verb = FindVerb("info");
  if (verb == nullptr) return UnknownVerb(first);
  const std::span<char* const> rest = arguments.subspan(files_only ? 0 : 1);
  for (const char* argument : rest) {
    if (std::strcmp(argument, "--") == 0) break;
    if (std::strcmp(argument, "--help") == 0 || std::strcmp(argument, "-h") == 0) {
      out << VerbHelp(*verb);
      return kExitOk;
    }
  }
  auto parsed = ParseArguments(*verb, rest);
  if (!parsed) {
    PrintError(parsed.error());
    return kExitError;
  }
  Progress::Show(!parsed->Flag("quiet") && !parsed->Flag("no-progress"));
  if (auto width = parsed->Number("width", 0); !width) {
    PrintError(width.error());
    return kExitError;
  }
  if (std::find(verb->options.begin(), verb->options.end(), "no-pager") != verb->options.end()) pager::Offer(*parsed);
  AddFormatProvider(plugins::PluginFormats());
  fetch::AllowRemote();
  return verb->run(*parsed);
}

}  // namespace
}  // namespace pthview

int main(int argc, char** argv) {
  pthview::OccupyStandardStreams();
  struct sigaction action = {};
  action.sa_handler = pthview::OnInterrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Writing to a closed pipe is an error that Output ends quietly on.
  signal(SIGPIPE, SIG_IGN);
  // So is passing `ulimit -f`: the signal's default ends the program and leaves a temporary behind.
  signal(SIGXFSZ, SIG_IGN);
  return pthview::Main(std::span(argv, argc).subspan(argc > 0 ? 1 : 0));
}
