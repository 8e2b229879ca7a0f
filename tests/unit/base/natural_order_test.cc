#include "lib/base/natural_order.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(NaturalLess, CountsAsPeopleDo) {
  std::vector<std::string> names = {"e10", "e9", "e", "e1.pth", "e01", "e1", "e100000000000000000000000",
                                    "f",   "é",  "E2"};
  std::sort(names.begin(), names.end(), NaturalLess);
  EXPECT_EQ(names, (std::vector<std::string>{"E2", "e", "e01", "e1", "e1.pth", "e9", "e10", "e100000000000000000000000",
                                             "f", "é"}));
}

TEST(NaturalLess, NothingIsLessThanItself) {
  for (std::string_view name : {"", "0", "00", "a1b2", "1"}) EXPECT_FALSE(NaturalLess(name, name));
}

}  // namespace
}  // namespace pthview
