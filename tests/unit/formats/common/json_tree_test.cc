#include "lib/formats/common/json_tree.h"

#include <string>

#include <gtest/gtest.h>

namespace pthview {
namespace {

Result<JsonTree> Parse(std::string_view text) {
  return JsonTree::Parse(std::as_bytes(std::span(text.data(), text.size())));
}

TEST(JsonTree, ReadsEveryKind) {
  auto tree = Parse(R"({"a": [1, -2.5, true, null, "x\u0041"], "big": 18446744073709551615, "digits": "-12"})");
  ASSERT_TRUE(tree);
  Json root = tree->root();
  EXPECT_EQ(root["a"].size(), 5u);
  EXPECT_EQ(root["a"].at(0).Int(), 1);
  EXPECT_EQ(root["a"].at(1).Float(), -2.5);
  EXPECT_EQ(root["a"].at(2).Bool(), true);
  EXPECT_FALSE(root["a"].at(3));
  EXPECT_EQ(root["a"].at(4).Text(), "xA");
  EXPECT_EQ(root["big"].Float(), 18446744073709551615.0);
  EXPECT_EQ(root["digits"].Int(), -12);
  EXPECT_EQ(root.members()[1].key, "big");
}

TEST(JsonTree, WhatIsAbsentReadsAsNull) {
  auto tree = Parse(R"({"a": {"b": 1}})");
  ASSERT_TRUE(tree);
  Json root = tree->root();
  EXPECT_FALSE(root["a"]["c"]["d"].at(3)["e"]);
  EXPECT_FALSE(root["a"]["b"]["c"]);
  EXPECT_EQ(root["a"].Int(), std::nullopt);
  EXPECT_EQ(root["a"]["b"].Text(), "");
  EXPECT_FALSE(root["a"].at(0));
}

TEST(JsonTree, TheLastOfTwinKeysCounts) {
  auto tree = Parse(R"({"a": 1, "a": 2})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->root()["a"].Int(), 2);
}

TEST(JsonTree, RefusesBrokenAndBottomlessTexts) {
  for (const char* text : {"", "{", "[1,]", "{\"a\" 1}", "nul", "1 2", "\"\xFF\""}) {
    auto tree = Parse(text);
    ASSERT_FALSE(tree) << text;
    EXPECT_EQ(tree.error().code, ErrorCode::kCorrupt) << text;
  }
  auto deep = Parse(std::string(100000, '['));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, ErrorCode::kLimit);
  EXPECT_TRUE(Parse(std::string(150, '[') + std::string(150, ']')));
}

}  // namespace
}  // namespace pthview
