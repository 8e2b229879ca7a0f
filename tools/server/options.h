// The command line of `pthview serve`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace pthview::server {

struct Options {
  std::vector<std::string> files;
  int port = 0;  // 0: a free one
  bool open = true;
  bool watch = false;
  bool quiet = false;
  bool help = false;
};

// `arguments` without the program's name. kUsage names what is wrong.
Result<Options> ParseOptions(std::span<const char* const> arguments);

std::string_view HelpText();

}  // namespace pthview::server
