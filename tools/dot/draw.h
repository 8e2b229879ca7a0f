// Draws a graph by pthview-dot, in a process of its own.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace pthview::dot {

// The picture of `graph`, a text in Graphviz's language; `format` is svg, pdf or png. kLimit when it takes longer than
// `seconds` or more memory than it may; kNotFound when that program is not installed.
Result<std::string> Draw(const std::string& graph, const std::string& format, int seconds = 120);

}  // namespace pthview::dot
