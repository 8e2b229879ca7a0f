#include "lib/base/crc32.h"

#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace pthview {
namespace {

uint32_t BitByBit(std::span<const std::byte> bytes) {
  uint32_t state = ~0U;
  for (std::byte byte : bytes) {
    state ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~state;
}

TEST(Crc32, IsThatOfZip) { EXPECT_EQ(Crc32(0, std::as_bytes(std::span(std::string_view("123456789")))), 0xCBF43926U); }

TEST(Crc32, AtEveryLengthAndInPieces) {
  std::vector<std::byte> bytes(1000);
  uint32_t random = 1;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>((random = random * 1664525 + 1013904223) >> 24);
  for (size_t length = 0; length < 300; ++length) {
    const std::span<const std::byte> part = std::span(bytes).subspan(length % 7, length);
    EXPECT_EQ(Crc32(0, part), BitByBit(part)) << length;
  }
  for (size_t cut : {0, 1, 63, 64, 65, 500, 999}) {
    EXPECT_EQ(Crc32(Crc32(0, std::span(bytes).first(cut)), std::span(bytes).subspan(cut)), BitByBit(bytes));
  }
}

}  // namespace
}  // namespace pthview
