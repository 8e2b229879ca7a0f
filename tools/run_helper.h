// Runs one of the program's companions: a library that takes long to load, or any time and memory, is in a process of
// its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace pthview {

struct HelperAnswer {
  std::string output;    // its standard output
  bool finished = true;  // false: it took longer than it may, or wrote more than 512 MB, and was ended
  bool succeeded = false;
};

// `input` is its standard input; what it writes on standard error is of no use to anybody and not kept. kNotFound when
// it is not installed, kIo for what the system refuses, kInterrupted.
Result<HelperAnswer> RunHelper(const std::string& name, const std::vector<std::string>& words, std::string_view input,
                               int seconds);

}  // namespace pthview
