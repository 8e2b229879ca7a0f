// Names with numbers in them, in the order in which a person counts: layer2 before layer10.
#pragma once

#include <algorithm>
#include <string_view>

namespace pthview {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool EndsWithNumber(std::string_view name) { return !name.empty() && IsDigit(name.back()); }

// The name without the number at its end: "layer" of "layer10", "block1-" of "block1-0".
inline std::string_view NameStem(std::string_view name) {
  while (EndsWithNumber(name)) name.remove_suffix(1);
  return name;
}

// The number at the name's end; 0 where there is none, and for more digits than any list has.
inline uint64_t NumberOf(std::string_view name) {
  std::string_view digits = name.substr(NameStem(name).size());
  uint64_t number = 0;
  for (char c : digits.substr(0, 18)) number = 10 * number + static_cast<uint64_t>(c - '0');
  return digits.size() > 18 ? 0 : number;
}

// Runs of digits compare as numbers, all else as bytes.
inline bool NaturalLess(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (!IsDigit(a[0]) || !IsDigit(b[0])) {
      if (a[0] != b[0]) return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]);
      a.remove_prefix(1);
      b.remove_prefix(1);
      continue;
    }
    auto run = [](std::string_view& text) {
      while (text.size() > 1 && text[0] == '0' && IsDigit(text[1])) text.remove_prefix(1);
      size_t length = 0;
      while (length < text.size() && IsDigit(text[length])) ++length;
      std::string_view digits = text.substr(0, length);
      text.remove_prefix(length);
      return digits;
    };
    std::string_view one = run(a);
    std::string_view other = run(b);
    if (one.size() != other.size()) return one.size() < other.size();
    if (one != other) return one < other;
  }
  return a.size() < b.size();
}

}  // namespace pthview
