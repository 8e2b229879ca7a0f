#include "lib/base/base64.h"

#include <array>
#include <cstdint>

namespace pthview {
namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct Pair {
  char digits[2];
};

// Two digits for twelve bits: half as many look-ups as a digit at a time.
const std::array<Pair, 4096>& Pairs() {
  static const std::array<Pair, 4096> pairs = [] {
    std::array<Pair, 4096> table{};
    for (size_t i = 0; i < table.size(); ++i) table[i] = {{kDigits[i >> 6], kDigits[i & 63]}};
    return table;
  }();
  return pairs;
}

}  // namespace

void AppendBase64(std::string& out, std::span<const std::byte> bytes) {
  const std::array<Pair, 4096>& pairs = Pairs();
  size_t at = out.size();
  out.resize(at + (bytes.size() + 2) / 3 * 4);
  char* to = out.data() + at;
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    uint32_t bits = std::to_integer<uint32_t>(bytes[i]) << 16 | std::to_integer<uint32_t>(bytes[i + 1]) << 8 |
                    std::to_integer<uint32_t>(bytes[i + 2]);
    const Pair& high = pairs[bits >> 12];
    const Pair& low = pairs[bits & 4095];
    *to++ = high.digits[0];
    *to++ = high.digits[1];
    *to++ = low.digits[0];
    *to++ = low.digits[1];
  }
  size_t left = bytes.size() - i;
  if (left == 0) return;
  uint32_t bits = std::to_integer<uint32_t>(bytes[i]) << 16;
  if (left == 2) bits |= std::to_integer<uint32_t>(bytes[i + 1]) << 8;
  *to++ = kDigits[bits >> 18];
  *to++ = kDigits[bits >> 12 & 63];
  *to++ = left == 2 ? kDigits[bits >> 6 & 63] : '=';
  *to++ = '=';
}

std::string Base64(std::string_view bytes) {
  std::string text;
  AppendBase64(text, std::as_bytes(std::span(bytes)));
  return text;
}

}  // namespace pthview
