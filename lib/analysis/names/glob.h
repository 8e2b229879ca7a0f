// Shell-style patterns on names.
#pragma once

#include <string_view>

namespace pthview {

// True when `text` has a character that makes it a pattern: `*`, `?` or `[`.
bool IsGlob(std::string_view text);

// Whether the whole of `text` matches: `*` any run, also across dots; `?` any one byte; `[abc]`, `[a-z]`, `[!a]` one
// byte of a set. A `[` that is never closed stands for itself, and `[3]` also matches the text "[3]", which is how
// paths write indices. Time is at most the product of the two lengths.
bool GlobMatches(std::string_view pattern, std::string_view text);

}  // namespace pthview
