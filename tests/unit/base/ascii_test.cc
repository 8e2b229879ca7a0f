#include "lib/base/ascii.h"

#include <string>

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(Ascii, IsPrintableAtEveryPlaceAndForEveryCharacter) {
  EXPECT_TRUE(ascii::IsPrintable(""));
  for (size_t size = 1; size <= 20; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(c);
        EXPECT_EQ(ascii::IsPrintable(text), c >= ' ' && c <= '~') << size << " " << at << " " << c;
      }
    }
  }
}

TEST(Ascii, InRangeTellsEachOfTheEight) {
  for (int c = 0; c < 128; ++c) {
    const bool inside = c >= '0' && c <= '9';
    EXPECT_EQ(ascii::InRange(ascii::Eight(static_cast<uint8_t>(c)), '0', '9'), inside ? ascii::Eight(0x80) : 0) << c;
  }
}

}  // namespace
}  // namespace pthview
