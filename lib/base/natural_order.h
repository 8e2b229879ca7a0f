// Names in the order in which people count: layer2 before layer10.
#pragma once

#include <string_view>

namespace pthview {

// Runs of ASCII digits compare as numbers (of any length), all else as bytes. A strict weak order: names that differ
// only in leading zeros are ordered by their bytes.
inline bool NaturalLess(std::string_view a, std::string_view b) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i;
      ++j;
      continue;
    }
    auto number = [&](std::string_view text, size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const size_t begin = at;
      while (at < text.size() && digit(text[at])) ++at;
      return text.substr(begin, at - begin);
    };
    const std::string_view first = number(a, i);
    const std::string_view second = number(b, j);
    if (first.size() != second.size()) return first.size() < second.size();
    if (first != second) return first < second;
  }
  if ((a.size() - i == 0) != (b.size() - j == 0)) return a.size() == i;
  return a < b;
}

}  // namespace pthview
