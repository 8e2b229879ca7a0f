// Names with a number at their end: layer10. lib/base/natural_order.h puts them in order.
#pragma once

#include <cstdint>
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

}  // namespace pthview
