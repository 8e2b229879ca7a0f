// The tree itself: sharing, views, what Print does not show.
#include <gtest/gtest.h>

#include "tests/unit/pickle/pickle_test_util.h"

namespace pthview::pickle {
namespace {

TEST(TreeTest, ContainersAreSharedByReference) {
  // l = []; t = (l, l); l.append(1) through the memo afterwards
  auto tree = ReadText(
      "]q\x01h\x01\x86h\x01K\x05"
      "a0.");
  ASSERT_TRUE(tree);
  const auto items = tree->Tuple(tree->root);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(Tree::Identity(items[0]), Tree::Identity(items[1]));
  EXPECT_NE(Tree::Identity(items[0]), 0u);
  ASSERT_EQ(tree->List(items[1]).size(), 1u);
  EXPECT_EQ(tree->List(items[1])[0].integer, 5);
}

TEST(TreeTest, IdentitiesDifferBetweenKindsAndScalarsHaveNone) {
  auto all = ReadText("(]}\x8fN\x85K\x01Qcm\nC\n)Rt.");
  ASSERT_TRUE(all);
  const auto items = all->Tuple(all->root);
  ASSERT_EQ(items.size(), 6u);
  for (size_t i = 0; i < items.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(Tree::Identity(items[i]), Tree::Identity(items[j]));
  }
  EXPECT_EQ(Tree::Identity(Value()), 0u);
}

TEST(TreeTest, ListsThatGrowInTurnsKeepTheirItems) {
  std::string pickle = "]q\x01]q\x02";
  for (int i = 0; i < 1000; ++i) {
    pickle += "h\x01K" + std::string(1, static_cast<char>(i)) + "a0";
    pickle += "h\x02(K" + std::string(1, static_cast<char>(i)) + "Ne0";
  }
  auto tree = ReadText(pickle + "\x86.");
  ASSERT_TRUE(tree);
  const auto lists = tree->Tuple(tree->root);
  const auto first = tree->List(lists[0]);
  const auto second = tree->List(lists[1]);
  ASSERT_EQ(first.size(), 1000u);
  ASSERT_EQ(second.size(), 2000u);
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(first[i].integer, static_cast<int64_t>(i % 256));
    EXPECT_EQ(second[2 * i].integer, static_cast<int64_t>(i % 256));
    EXPECT_TRUE(second[2 * i + 1].Is(Kind::kNone));
  }
}

TEST(TreeTest, TextStaysValidWhenTheTreeMoves) {
  auto read = ReadText("(U\x05helloS'w\\x6frld'\nV\\u00e9\nt.");
  ASSERT_TRUE(read);
  Tree tree = std::move(*read);
  Tree moved;
  moved = std::move(tree);
  const auto items = moved.Tuple(moved.root);
  EXPECT_EQ(items[0].Text(), "hello");
  EXPECT_EQ(items[1].Text(), "world");
  EXPECT_EQ(items[2].Text(), "\u00e9");
}

TEST(TreeTest, Python2StrIsBytesWithTheFlag) {
  auto tree = ReadText("(U\x01xS'x'\nC\x01xt.");
  ASSERT_TRUE(tree);
  const auto items = tree->Tuple(tree->root);
  for (const Value& item : items) EXPECT_EQ(item.kind, Kind::kBytes);
  EXPECT_TRUE(items[0].flag);
  EXPECT_TRUE(items[1].flag);
  EXPECT_FALSE(items[2].flag);
}

TEST(TreeTest, EqualGlobalsAreOne) {
  auto tree = ReadText(
      "(cm\nA\ncm\nB\n\x8c\x01m\x8c\x01"
      "A\x93(im\nB\nt.");
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->globals().size(), 2u);
  EXPECT_EQ(tree->globals()[0].name, "A");
  EXPECT_EQ(tree->globals()[0].position, 1u);
  EXPECT_EQ(tree->globals()[1].position, 6u);
  const auto items = tree->Tuple(tree->root);
  EXPECT_EQ(items[0].index, items[2].index);
  EXPECT_EQ(tree->ObjectOf(items[3]).callable.index, items[1].index);
}

TEST(TreeTest, LongNamesOfGlobalsAreCut) {
  const std::string longest(200, 'm');
  const std::string longer(201, 'm');
  const std::string far(5000, 'm');
  auto tree = ReadText("(c" + longest + "\nA\nc" + longer + "\nA\nc" + far + "\nA\nt.");
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->globals().size(), 2u);
  EXPECT_EQ(tree->globals()[0].module, longest);
  EXPECT_EQ(tree->globals()[1].module, std::string(197, 'm') + "...");
}

TEST(TreeTest, ObjectsTellHowTheyWereMade) {
  auto tree = ReadText(
      "(cm\nC\n)Rcm\nC\n)\x81"
      "cm\nC\n)K\x09\x92t.");
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->objects().size(), 3u);
  EXPECT_EQ(tree->objects()[0].made, Object::Made::kReduce);
  EXPECT_EQ(tree->objects()[0].position, 7u);
  EXPECT_EQ(tree->objects()[1].made, Object::Made::kNew);
  EXPECT_EQ(tree->objects()[2].made, Object::Made::kNewEx);
  EXPECT_EQ(tree->KwargsOf(tree->objects()[2]).integer, 9);
  EXPECT_TRUE(tree->KwargsOf(tree->objects()[0]).Is(Kind::kNone));
}

TEST(TreeTest, SeveralBuildsKeepEveryState) {
  auto tree = ReadText(
      "cm\nC\n)RNbK\x01"
      "bK\x02"
      "b.");
  ASSERT_TRUE(tree);
  const Object& object = tree->ObjectOf(tree->root);
  ASSERT_NE(tree->StateOf(object), nullptr);
  EXPECT_EQ(tree->StateOf(object)->integer, 2);
  const auto earlier = tree->EarlierStatesOf(object);
  ASSERT_EQ(earlier.size(), 2u);
  EXPECT_TRUE(earlier[0].Is(Kind::kNone));
  EXPECT_EQ(earlier[1].integer, 1);
}

TEST(TreeTest, PersistentIdsAreListed) {
  auto tree = ReadText("K\x01QK\x02Q\x86.");
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->persistent_ids().size(), 2u);
  EXPECT_EQ(tree->PersistentId(tree->Tuple(tree->root)[1]).integer, 2);
}

TEST(TreeTest, OtherKindsHaveNoItems) {
  auto tree = ReadText("K\x01.");
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->Tuple(tree->root).empty());
  EXPECT_TRUE(tree->List(tree->root).empty());
  EXPECT_TRUE(tree->Dict(tree->root).empty());
  EXPECT_TRUE(tree->Sequence(tree->root).empty());
}

TEST(TreeTest, AReadOnlyBufferIsFlagged) {
  auto tree = ReadText("\x97\x98\x97\x86.");
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->Tuple(tree->root)[0].flag);
  EXPECT_FALSE(tree->Tuple(tree->root)[1].flag);
}

}  // namespace
}  // namespace pthview::pickle
