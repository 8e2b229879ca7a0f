// Questions about text that are asked of every name in a file, answered eight characters at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pthview::ascii {

// The same byte eight times.
constexpr uint64_t Eight(uint8_t byte) { return 0x0101010101010101 * byte; }

// For words without a top bit set: the top bit of each byte that lies in [first, last].
constexpr uint64_t InRange(uint64_t word, uint8_t first, uint8_t last) {
  return ((word + Eight(0x80 - first)) & ~(word + Eight(0x7f - last))) & Eight(0x80);
}

// Calls `see(word)` for each eight characters, the last of them filled up with `fill`.
template <typename See>
void EachWord(std::string_view text, char fill, const See& see) {
  while (text.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, text.data(), 8);
    see(word);
    text.remove_prefix(8);
  }
  if (text.empty()) return;
  char rest[8] = {fill, fill, fill, fill, fill, fill, fill, fill};
  for (size_t i = 0; i < text.size(); ++i) rest[i] = text[i];
  uint64_t word;
  std::memcpy(&word, rest, 8);
  see(word);
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
