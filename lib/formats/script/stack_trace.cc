#include "lib/formats/script/stack_trace.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/base/escape.h"

namespace pthview {

namespace {

constexpr std::string_view kFile = "File \"";
constexpr std::string_view kLine = "\", line ";

// torch's own layers, and code that torch made: not where the model's author wrote something.
bool IsTorchs(std::string_view file) {
  return file.starts_with('<') || file.find("/site-packages/torch/") != std::string_view::npos ||
         file.find("/dist-packages/torch/") != std::string_view::npos;
}

// From behind `File "` on: one entry and all that follows it.
SourceLine EntryAt(std::string_view trace) {
  size_t line = trace.find(kLine);
  if (line == std::string_view::npos) return {};
  std::string_view number = trace.substr(line + kLine.size());
  number = number.substr(0, number.find_first_not_of("0123456789"));
  SourceLine result{.location = fmt::format("{}:{}", EscapeName(trace.substr(0, line)), number)};
  size_t end = trace.find('\n', line);
  if (end == std::string_view::npos) return result;
  std::string_view text = trace.substr(end + 1);
  text = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (!text.starts_with(kFile)) result.text = EscapeName(text);
  return result;
}

}  // namespace

SourceLine InnermostLine(std::string_view trace) {
  size_t innermost = trace.rfind(kFile);
  for (size_t at = innermost; at != std::string_view::npos; at = at == 0 ? at : trace.rfind(kFile, at - 1)) {
    std::string_view entry = trace.substr(at + kFile.size());
    if (!IsTorchs(entry.substr(0, entry.find('"')))) return EntryAt(entry);
    if (at == 0) break;
  }
  return innermost == std::string_view::npos ? SourceLine() : EntryAt(trace.substr(innermost + kFile.size()));
}

}  // namespace pthview
