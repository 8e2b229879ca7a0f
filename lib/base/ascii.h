// Questions about text that are asked of every name in a file, answered eight characters at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pthview::ascii {

// The same byte eight times.
constexpr uint64_t Eight(uint8_t byte) { return uint64_t{0x0101010101010101} * byte; }

// For words without a top bit set: the top bit of each byte that lies in [first, last].
constexpr uint64_t InRange(uint64_t word, uint8_t first, uint8_t last) {
  return ((word + Eight(0x80 - first)) & ~(word + Eight(0x7f - last))) & Eight(0x80);
}

// Calls `see(word)` for each eight characters, the first in the lowest byte, and the last of them filled up with
// `fill`.
template <typename See>
[[gnu::always_inline]] inline void EachWord(std::string_view text, char fill, const See& see) {
  const char* at = text.data();
  size_t left = text.size();
  uint64_t word;
  for (; left >= 8; at += 8, left -= 8) {
    std::memcpy(&word, at, 8);
    see(word);
  }
  if (left == 0) return;
  if (text.size() >= 8) {  // the last eight, less those seen already
    std::memcpy(&word, at + left - 8, 8);
    word >>= 8 * (8 - left);
  } else {
    word = 0;
    for (size_t i = 0; i < left; ++i) word |= uint64_t{static_cast<uint8_t>(at[i])} << 8 * i;
  }
  see(word | Eight(static_cast<uint8_t>(fill)) << 8 * left);
}

// Every character is one of ' ' to '~', so that the text is as wide as it is long and needs no escaping anywhere but
// for quotes and backslashes.
inline bool IsPrintable(std::string_view text) {
  uint64_t other = 0;
  EachWord(text, ' ', [&](uint64_t word) {
    const uint64_t low = word & Eight(0x7f);
    other |= word | ~InRange(low, ' ', '~');
  });
  return (other & Eight(0x80)) == 0;
}

}  // namespace pthview::ascii
