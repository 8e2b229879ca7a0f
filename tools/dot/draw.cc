#include "tools/dot/draw.h"

#include <fmt/format.h>

#include "tools/run_helper.h"

namespace pthview::dot {

Result<std::string> Draw(const std::string& graph, const std::string& format, int seconds) {
  auto answer = RunHelper("pthview-dot", {format}, graph, seconds);
  if (!answer) {
    Error error = std::move(answer).error();
    if (error.code == ErrorCode::kNotFound) error.hint += "; `-o graph.dot` writes what Graphviz's own `dot` reads";
    return error;
  }
  if (answer->succeeded) return std::move(answer->output);
  return Error{.code = ErrorCode::kLimit,
               .message = answer->finished
                              ? "Graphviz could not lay the graph out"
                              : fmt::format("Graphviz did not lay the graph out within {} seconds", seconds),
               .hint = "`--depth 1` folds the modules; `--simplify` hides what only prepares others"};
}

}  // namespace pthview::dot
