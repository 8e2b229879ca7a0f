#include "converters/common/side_file.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

constexpr uint64_t kLarge = uint64_t{1} << 20;

TEST(SideLayout, SmallPiecesStandAtMultiplesOf64) {
  SideLayout layout;
  EXPECT_EQ(layout.Place({.source = 0, .offset = 192, .nbytes = 100}), 0U);
  EXPECT_EQ(layout.Place({.source = 0, .offset = 4096, .nbytes = 8}), 128U);
  EXPECT_EQ(layout.Place({.source = 0, .offset = 192, .nbytes = 100}), 0U);  // the same range is there already
  EXPECT_EQ(layout.size(), 136U);
}

TEST(SideLayout, LargePiecesKeepTheirPlaceInThePage) {
  SideLayout layout;
  layout.Place({.source = 0, .offset = 0, .nbytes = 100});
  const uint64_t first = layout.Place({.source = 0, .offset = 5 * 4096 + 192, .nbytes = kLarge});
  EXPECT_EQ(first, 192U);
  // What follows in the source follows here, so that both are copied in one go.
  EXPECT_EQ(layout.Place({.source = 0, .offset = 5 * 4096 + 192 + kLarge, .nbytes = kLarge}), first + kLarge);
  const uint64_t before = layout.size();
  const uint64_t earlier = layout.Place({.source = 0, .offset = 64, .nbytes = kLarge});
  EXPECT_EQ(earlier % 4096, 64U);
  EXPECT_GE(earlier, before);
  EXPECT_LT(earlier, before + 4096);
  // Elsewhere than at multiples of 64 in its source, it stands at one here.
  EXPECT_EQ(layout.Place({.source = 0, .offset = 33, .nbytes = kLarge}) % 64, 0U);
}

}  // namespace
}  // namespace pthview
