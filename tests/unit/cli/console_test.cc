#include "tools/cli/console.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(PercentText, IsAllOnlyForAll) {
  EXPECT_EQ(PercentText(10, 10), "100%");
  EXPECT_EQ(PercentText(996, 1000), "99.6%");
  EXPECT_EQ(PercentText(9'999'999, 10'000'000), ">99.9%");
  EXPECT_EQ(PercentText(INT64_MAX - 1, INT64_MAX), ">99.9%");
}

TEST(PercentText, IsNothingOnlyForNothing) {
  EXPECT_EQ(PercentText(0, 10), "0%");
  EXPECT_EQ(PercentText(0, 0), "0%");
  EXPECT_EQ(PercentText(12, 100'000), "0.012%");
}

TEST(PercentText, HasTwoDigits) {
  EXPECT_EQ(PercentText(1, 3), "33%");
  EXPECT_EQ(PercentText(1, 30), "3.3%");
  EXPECT_EQ(PercentText(9'899, 10'000), "99%");
}

}  // namespace
}  // namespace pthview
