// Text in terminal columns: cut to a width, and broken into lines. Text is escaped already (EscapeForTerminal); East
// Asian wide characters take two columns, combining marks none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/escape.h"

namespace pthview {

// As wide as may be: nothing is cut or broken.
inline constexpr size_t kNoWidthLimit = SIZE_MAX;

// `text` in at most `columns`. What is too wide loses its middle, for which "…" stands: names differ at their ends, so
// two thirds of what is kept are the end's. A character is never cut in two, nor parted from its combining marks.
std::string FitText(std::string_view text, size_t columns);

// `text` in at most `columns`, without its end: for values, which begin with what matters.
std::string CutText(std::string_view text, size_t columns);

// Breaks `text` at blanks into lines of at most `columns`, where there are blanks; each line but the first begins with
// `indent` blanks, which count. `first` columns of the first line are taken already.
std::string WrapText(std::string_view text, size_t columns, size_t first, size_t indent);

}  // namespace pthview
