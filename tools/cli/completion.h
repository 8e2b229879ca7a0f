// Completions for shells, and the man page: all from the table of verbs and options that help comes from.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace pthview {

// What may stand at words[at] (words[0] is the program), which begins with what is there already. One line each: the
// word, and behind a tab what it is; `:files` when it may be a file. Names of tensors come from the file that is named
// before; an address is never fetched for that.
std::string Complete(std::span<const std::string> words, size_t at);

// The script that makes a shell ask `pthview --complete`. kUsage for a shell that is not known.
Result<std::string> CompletionScript(std::string_view shell);

// pthview(1), as roff.
std::string ManPage();

}  // namespace pthview
