// Runs one external plug-in from request to answer, and makes an Error of whatever else it does.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "plugins/host/manifest.h"

namespace pthview::plugins {

struct Run {
  std::string program;                // absolute
  std::string folder;                 // it starts here, and may read all of it
  std::vector<std::string> readable;  // further files and folders
  Encoding encoding = Encoding::kJson;
  Limits limits;
  uint64_t most_message_bytes = uint64_t{1} << 25;
  bool allow_unconfined = false;
};

// What a message is to the exchange: one of many, or the answer.
enum class Next { kMore, kDone };

// Starts the program, gives it `request` on standard input, and hands each message on standard output (without its
// length or line end) to `on_message` until that says kDone or fails; then ends the program and all it started.
// Errors: kNotFound (does not start), kLimit (took too long, too much processor time, too long a message), kCorrupt
// (ended without an answer, crashed, in the middle of a message), kUnsupported (cannot be confined).
Status Exchange(const Run& run, std::string_view request,
                const std::function<Result<Next>(std::string_view message)>& on_message);

}  // namespace pthview::plugins
