#include "lib/base/display_width.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(FitText, WhatFitsStays) {
  EXPECT_EQ(FitText("conv1.weight", 12), "conv1.weight");
  EXPECT_EQ(FitText("conv1.weight", kNoWidthLimit), "conv1.weight");
  EXPECT_EQ(FitText("", 0), "");
}

TEST(FitText, BothEndsAreKeptAndMoreOfTheLast) {
  EXPECT_EQ(FitText("layer2.0.downsample.1.num_batches_tracked", 20), "layer2…tches_tracked");
  EXPECT_EQ(FitText("abcdef", 5), "a…def");
}

TEST(FitText, TinyWidths) {
  EXPECT_EQ(FitText("abcdef", 0), "");
  EXPECT_EQ(FitText("abcdef", 1), "…");
  EXPECT_EQ(FitText("abcdef", 2), "…f");
}

TEST(FitText, WideCharactersAreNeverHalved) {
  EXPECT_EQ(FitText("重み重み重み", 12), "重み重み重み");
  for (size_t columns = 0; columns < 12; ++columns) {
    std::string fitted = FitText("重み重み重み", columns);
    EXPECT_LE(DisplayWidth(fitted), columns);
    EXPECT_TRUE(IsPlainText(fitted)) << columns;
  }
  EXPECT_EQ(FitText("重み重み重み", 8), "重…重み");
}

TEST(FitText, MarksStayWithTheirLetters) {
  // "e" with a combining acute at either end.
  EXPECT_EQ(FitText("e\u0301abcdefe\u0301", 4), "e\u0301…fe\u0301");
  EXPECT_EQ(FitText("aaaaaaaaaae\u0301b", 3), "…e\u0301b");
}

TEST(FitText, RightToLeftNames) { EXPECT_EQ(FitText("שכבה.משקל", 6), "ש…משקל"); }

TEST(FitText, InvalidBytesAreCharactersOfTheirOwn) {
  for (size_t columns = 0; columns < 8; ++columns) {
    EXPECT_LE(DisplayWidth(FitText("\x80\x80\x80\xff\xff\xc3\xc3\x80\x80", columns)), columns);
  }
}

TEST(CutText, TheBeginningIsKept) {
  EXPECT_EQ(CutText("abcdef", 6), "abcdef");
  EXPECT_EQ(CutText("abcdef", 5), "abcd…");
  EXPECT_EQ(CutText("重み重み", 4), "重…");
  EXPECT_EQ(CutText("abcdef", 0), "");
}

TEST(WrapText, BreaksAtBlanks) {
  EXPECT_EQ(WrapText("one two three four", 10, 0, 2), "one two\n  three\n  four");
  EXPECT_EQ(WrapText("one two three four", kNoWidthLimit, 0, 2), "one two three four");
  EXPECT_EQ(WrapText("one two", 10, 6, 2), "one\n  two");
}

TEST(WrapText, WordsThatAreTooLongStandAlone) {
  EXPECT_EQ(WrapText("a abcdefghijkl b", 5, 0, 1), "a\n abcdefghijkl\n b");
  EXPECT_EQ(WrapText("abc", 1, 0, 0), "abc");
  EXPECT_EQ(WrapText("", 1, 5, 3), "");
}

}  // namespace
}  // namespace pthview
