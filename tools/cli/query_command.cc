// pthview query: hands over to pthview-query, so that only queries carry the SQL engine.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "lib/base/named_source.h"
#include "tools/cli/console.h"
#include "tools/cli/verbs.h"
#include "tools/install_paths.h"

namespace pthview {
namespace {

constexpr std::string_view kHandedOver[] = {"json",     "csv",   "markdown", "max-time",   "width",
                                            "no-pager", "quiet", "color",    "no-progress"};

int Fail(const Error& error) {
  PrintError(error);
  return kExitError;
}

bool Exists(const std::string& path) {
  struct stat facts{};
  return stat(path.c_str(), &facts) == 0;
}

}  // namespace

int RunQuery(const Arguments& arguments) {
  if (Exists(arguments.files.back())) {
    return Fail({.code = ErrorCode::kUsage,
                 .message = "the last operand is a query, and this is a file",
                 .file = DisplayName(arguments.files.back()),
                 .hint = fmt::format("pthview query {} \"SELECT name, shape FROM tensors\"",
                                     ShellWord(arguments.files.back()))});
  }
  const std::string program = FindHelper("pthview-query");
  if (program.empty()) {
    return Fail({.code = ErrorCode::kNotFound,
                 .message = "pthview-query is not beside this program",
                 .hint = "install pthview again"});
  }
  std::vector<std::string> words{program};
  for (std::string_view option : kHandedOver) {
    if (arguments.Flag(option)) words.push_back(fmt::format("--{}={}", option, arguments.Value(option)));
  }
  words.emplace_back("--");
  words.insert(words.end(), arguments.files.begin(), arguments.files.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  return Fail(
      {.code = ErrorCode::kIo, .message = fmt::format("pthview-query does not start: {}", std::strerror(errno))});
}

}  // namespace pthview
