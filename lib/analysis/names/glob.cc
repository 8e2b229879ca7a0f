#include "lib/analysis/names/glob.h"

#include <cstddef>

namespace pthview {
namespace {

constexpr size_t kNo = std::string_view::npos;

// Matches the beginning of `text` against the pattern's element at `at`. Returns the position after the element, or
// kNo for no match, and in `used` how many bytes it stands for.
size_t MatchElement(std::string_view pattern, size_t at, std::string_view text, size_t& used) {
  const char c = text.front();
  used = 1;
  if (pattern[at] == '?') return at + 1;
  if (pattern[at] != '[') return pattern[at] == c ? at + 1 : kNo;
  size_t first = at + 1;
  bool negated = first < pattern.size() && (pattern[first] == '!' || pattern[first] == '^');
  if (negated) ++first;
  size_t close = pattern.find(']', first + 1);  // a ] that comes first belongs to the set
  if (close == kNo) return c == '[' ? at + 1 : kNo;
  if (std::string_view literal = pattern.substr(at, close + 1 - at); text.starts_with(literal)) {
    used = literal.size();
    return close + 1;
  }
  bool found = false;
  for (size_t i = first; i < close; ++i) {
    bool range = i + 2 < close && pattern[i + 1] == '-';
    auto byte = static_cast<unsigned char>(c);
    auto low = static_cast<unsigned char>(pattern[i]);
    auto high = static_cast<unsigned char>(pattern[range ? i + 2 : i]);
    found = found || (low <= byte && byte <= high);
    if (range) i += 2;
  }
  return found != negated ? close + 1 : kNo;
}

}  // namespace

bool IsGlob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

bool GlobMatches(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t star = kNo;     // the last * seen
  size_t star_text = 0;  // what it matches so far ends here
  for (size_t i = 0; i < text.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      star_text = i;
      continue;
    }
    size_t used = 0;
    size_t next = at < pattern.size() ? MatchElement(pattern, at, text.substr(i), used) : kNo;
    if (next != kNo) {
      at = next;
      i += used;
    } else if (star != kNo) {  // let the last * take one byte more
      at = star + 1;
      i = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace pthview
