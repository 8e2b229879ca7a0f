// Decoding UTF-8 that may be anything, and writing it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pthview {

struct CodePoint {
  char32_t value = 0;      // when !valid: the surrogate, or the byte itself
  uint8_t length = 1;      // bytes that it takes; 1 for an invalid byte, 3 for a surrogate
  bool valid = false;      // a Unicode scalar value in its shortest form
  bool surrogate = false;  // ED A0..BF 80..BF: a surrogate written as if it were a character
};

// The code point at text[at]; at < text.size().
inline CodePoint DecodeUtf8(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  auto continues = [&](size_t i) { return at + i < text.size() && (byte(i) & 0xC0) == 0x80; };
  uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  if (first >= 0xC2 && first < 0xE0 && continues(1)) {
    return {static_cast<char32_t>((first & 0x1F) << 6 | (byte(1) & 0x3F)), 2, true};
  }
  if (first >= 0xE0 && first < 0xF0 && continues(1) && continues(2)) {
    char32_t value = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    if (value >= 0xD800 && value < 0xE000) return {value, 3, false, true};
    if (value >= 0x800) return {value, 3, true};
  }
  if (first >= 0xF0 && first < 0xF5 && continues(1) && continues(2) && continues(3)) {
    char32_t value = (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    if (value >= 0x10000 && value < 0x110000) return {value, 4, true};
  }
  return {first, 1, false};
}

// Appends a code point of at most 0x10FFFF; surrogates in the same way, as DecodeUtf8 reads them.
inline void AppendUtf8(std::string& out, char32_t point) {
  auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xE0 | point >> 12);
    } else {
      put(0xF0 | point >> 18);
      put(0x80 | (point >> 12 & 0x3F));
    }
    put(0x80 | (point >> 6 & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

}  // namespace pthview
