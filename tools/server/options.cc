#include "tools/server/options.h"

#include <charconv>

namespace pthview::server {
namespace {

struct Flag {
  std::string_view name;
  bool Options::* field;
  bool value;
};

constexpr Flag kFlags[] = {
    {"--no-open", &Options::open, false}, {"--watch", &Options::watch, true}, {"-q", &Options::quiet, true},
    {"--quiet", &Options::quiet, true},   {"-h", &Options::help, true},       {"--help", &Options::help, true},
};

Error Usage(std::string message) {
  return {.code = ErrorCode::kUsage, .message = std::move(message), .hint = "see `pthview serve --help`"};
}

Result<int> ParsePort(std::string_view text) {
  int port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535) {
    return Usage("--port takes a number from 0 to 65535, not '" + std::string(text) + "'");
  }
  return port;
}

}  // namespace

Result<Options> ParseOptions(std::span<const char* const> arguments) {
  Options options;
  bool only_files = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (only_files || argument.size() < 2 || argument.front() != '-') {
      options.files.emplace_back(argument);
      continue;
    }
    if (argument == "--") {
      only_files = true;
      continue;
    }
    if (argument == "--port") {
      if (i + 1 == arguments.size()) return Usage("--port needs a number");
      PTHVIEW_ASSIGN(options.port, ParsePort(arguments[++i]));
      continue;
    }
    if (argument.starts_with("--port=")) {
      PTHVIEW_ASSIGN(options.port, ParsePort(argument.substr(7)));
      continue;
    }
    bool known = false;
    for (const Flag& flag : kFlags) {
      if (argument != flag.name) continue;
      options.*flag.field = flag.value;
      known = true;
    }
    if (!known) return Usage("unknown option '" + std::string(argument) + "'");
  }
  if (options.files.empty() && !options.help) return Usage("no file to serve");
  return options;
}

std::string_view HelpText() {
  return "pthview serve model.pth              show a file in the browser\n"
         "pthview serve --watch run/*.pth      several files, reloaded whenever they change\n"
         "pthview serve --port 8080 model.pth  for `ssh -L 8080:127.0.0.1:8080 machine`\n"
         "\n"
         "Usage: pthview serve [options] FILE...\n"
         "\n"
         "  --port N    listen on this port of 127.0.0.1 (default: a free one)\n"
         "  --no-open   do not open a browser (one is opened only from a terminal with a display)\n"
         "  --watch     load a file again when it changes\n"
         "  -q          print nothing but the address\n"
         "  -h, --help  this text\n";
}

}  // namespace pthview::server
