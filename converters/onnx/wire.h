// Protobuf's wire format, as far as the frame around weights needs it: large byte fields are never held in a message
// object.
//
//   field = varint(number << 3 | 2) | varint(length) | length bytes
#pragma once

#include <cstdint>
#include <string>

namespace pthview {

inline void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

inline uint64_t VarintSize(uint64_t value) {
  uint64_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// Tag and length of a field of `length` bytes; field numbers below 16.
inline void AppendFieldHead(std::string& out, int number, uint64_t length) {
  out += static_cast<char>(number << 3 | 2);
  AppendVarint(out, length);
}

inline uint64_t FieldSize(uint64_t length) { return 1 + VarintSize(length) + length; }

}  // namespace pthview
