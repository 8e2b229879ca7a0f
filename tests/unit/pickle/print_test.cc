#include "lib/pickle/print.h"

#include <bit>

#include <gtest/gtest.h>

#include "tests/unit/pickle/pickle_test_util.h"

namespace pthview::pickle {
namespace {

std::string ShowDouble(double value) {
  std::string pickle = "G";
  const uint64_t bits = __builtin_bswap64(std::bit_cast<uint64_t>(value));
  pickle.append(reinterpret_cast<const char*>(&bits), 8);
  return Show(pickle + ".");
}

TEST(PrintTest, FloatsAsPythonsRepr) {
  EXPECT_EQ(ShowDouble(0.1), "0.1");
  EXPECT_EQ(ShowDouble(1), "1.0");
  EXPECT_EQ(ShowDouble(-0.0), "-0.0");
  EXPECT_EQ(ShowDouble(1e16), "1e+16");
  EXPECT_EQ(ShowDouble(9999999999999998), "9999999999999998.0");
  EXPECT_EQ(ShowDouble(123456789012345680), "1.2345678901234568e+17");
  EXPECT_EQ(ShowDouble(0.0001), "0.0001");
  EXPECT_EQ(ShowDouble(0.00001234), "1.234e-05");
  EXPECT_EQ(ShowDouble(5e-324), "5e-324");
  EXPECT_EQ(ShowDouble(1.7976931348623157e308), "1.7976931348623157e+308");
}

TEST(PrintTest, QuotesAndControlsAsPythons) {
  EXPECT_EQ(Show("\x8c\x04it's."), "\"it's\"");
  EXPECT_EQ(Show("\x8c\x04'\"\n\x1b."), "'\\'\"\\n\\x1b'");
  EXPECT_EQ(Show("\x8c\x02\xc3(."), "'\\xc3('");
}

TEST(PrintTest, ACycleIsCut) {
  EXPECT_EQ(Show("]q\x01h\x01"
                 "a."),
            "[...]");
  EXPECT_EQ(Show("}q\x01K\x01h\x01s."), "{1: ...}");
  EXPECT_EQ(Show("cm\nC\n)Rq\x01h\x01"
                 "b."),
            "m.C() <- ...");
  // A list in a tuple in that list; and the same list twice side by side, which is no cycle.
  EXPECT_EQ(Show("]q\x01h\x01\x85"
                 "a."),
            "[(...,)]");
  EXPECT_EQ(Show("]q\x01h\x01\x86."), "([], [])");
}

TEST(PrintTest, ABillionLaughsStayWithinTheBudget) {
  std::string pickle = "U\x03lol\x85";
  for (int i = 0; i < 60; ++i) pickle += "22\x87";
  const std::string text = Show(pickle + ".", 1000);
  EXPECT_EQ(text.size(), 1003u);
  EXPECT_TRUE(text.ends_with("..."));
}

TEST(PrintTest, TheBudgetCutsTextNamesAndNumbersToo) {
  std::string text(Raw("X\x00\x00\x10\x00"));
  text += std::string(0x100000, 'x') + ".";
  EXPECT_EQ(Show(text, 10), "'xxxxxxxxx...");
  EXPECT_EQ(Show("c" + std::string(5000, 'm') + "\nname\n.", 10), "mmmmmmmmmm...");
  EXPECT_EQ(Show("L" + std::string(5000, '9') + "\n.", 10), "9999999999...");
  EXPECT_EQ(Show("(" + std::string(5000, 'N') + "l.", 10), "[None, Non...");
  EXPECT_EQ(Show("N.", 4), "None");
  // Never half a character: the euro sign takes three bytes.
  EXPECT_EQ(Show("\x8c\x06\u20ac\u20ac.", 5), "'\u20ac...");
  EXPECT_EQ(Show("\x8c\x06\u20ac\u20ac.", 3), "'...");
}

TEST(PrintTest, BigIntegersAreDecimalUpToALimit) {
  std::string pickle(Raw("\x8b\x00\x02\x00\x00"));
  EXPECT_EQ(Show(pickle + std::string(511, '\0') + "\x01.", 2000).size(), 1231u);  // 2**4088
  pickle = Raw("\x8b\x01\x02\x00\x00");
  EXPECT_EQ(Show(pickle + std::string(512, '\0') + "\x01."), "<integer of 4104 bits>");
}

}  // namespace
}  // namespace pthview::pickle
