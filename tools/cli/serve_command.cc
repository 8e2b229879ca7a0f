// pthview serve: hands over to the server program, so that only serving pays for loading the HTTP library.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "lib/base/named_source.h"
#include "tools/cli/console.h"
#include "tools/cli/verbs.h"
#include "tools/install_paths.h"

namespace pthview {

int RunServe(const Arguments& arguments) {
  std::string program = FindHelper("pthview-serve");
  if (program.empty()) {
    PrintError({.code = ErrorCode::kNotFound,
                .message = "pthview-serve is not beside this program",
                .hint = "install pthview again, or build it with `tools/pthview serve`"});
    return kExitError;
  }
  for (const std::string& file : arguments.files) {
    if (!arguments.Flag("watch") || (file != kStandardInput && !IsUrl(file))) continue;
    PrintError({.code = ErrorCode::kUsage,
                .message = "--watch watches files on this machine, neither addresses nor standard input",
                .file = DisplayName(file),
                .hint = "leave --watch out"});
    return kExitError;
  }
  std::vector<std::string> words{program};
  for (std::string_view flag : {"no-open", "watch", "quiet"}) {
    if (arguments.Flag(flag)) words.push_back(fmt::format("--{}", flag));
  }
  if (std::string port = arguments.Value("port"); !port.empty()) words.insert(words.end(), {"--port", port});
  std::vector<std::string> files = arguments.files;
  if (files.empty()) {
    std::string sample = FindShared("sample.pth");
    if (sample.empty()) {
      PrintError({.code = ErrorCode::kUsage,
                  .message = "no file, and the sample is not installed",
                  .hint = "`pthview serve model.pth`"});
      return kExitError;
    }
    PrintNote(arguments, "no file given: showing the sample");
    files.push_back(sample);
  }
  words.emplace_back("--");
  words.insert(words.end(), files.begin(), files.end());
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  PrintError(
      {.code = ErrorCode::kIo, .message = fmt::format("pthview-serve does not start: {}", std::strerror(errno))});
  return kExitError;
}

}  // namespace pthview
