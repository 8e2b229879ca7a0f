#include "lib/container/flatbuffer.h"

#include <gtest/gtest.h>

#include "tests/unit/container/flatbuffer_builder.h"
#include "tests/unit/container/zip_builder.h"

namespace pthview {
namespace {

std::string Sample() {
  FlatNode child = FlatTableNode({{1, FlatScalar<int16_t>(-3)}});
  return FlatWriter("TEST").Finish(FlatTableNode({{0, FlatScalar<uint32_t>(7)},
                                                  {2, Ref(FlatText("name"))},
                                                  {3, Ref(FlatNumbers<int64_t>({5, -6}))},
                                                  {4, Ref(FlatOffsets({child, FlatText("s")}))},
                                                  {5, Ref(child)}}));
}

TEST(FlatBuffer, ReadsFieldsBySlot) {
  auto source = Memory(Sample());
  FlatBuffer buffer(*source);
  FlatTable root = buffer.Root();
  ASSERT_TRUE(root);
  EXPECT_EQ(root.Scalar<uint32_t>(0), 7u);
  EXPECT_EQ(root.String(2), "name");
  EXPECT_EQ(root.String(2, 2), "na");
  FlatVector numbers = root.Vector(3, 8);
  ASSERT_EQ(numbers.size(), 2u);
  EXPECT_EQ(numbers.At<int64_t>(1), -6);
  EXPECT_EQ(root.Vector(4, 4).TableAt(0).Scalar<int16_t>(1), -3);
  EXPECT_EQ(root.Vector(4, 4).StringAt(1), "s");
  EXPECT_EQ(root.Table(5).Scalar<int16_t>(1), -3);
}

TEST(FlatBuffer, WhatIsAbsentReadsAsItsDefault) {
  auto source = Memory(Sample());
  FlatBuffer buffer(*source);
  FlatTable root = buffer.Root();
  EXPECT_EQ(root.Scalar<uint32_t>(1, 9), 9u);
  EXPECT_EQ(root.Scalar<uint32_t>(500, 9), 9u);
  EXPECT_FALSE(root.Table(1));
  EXPECT_EQ(root.Table(1).Table(2).Vector(3, 4).size(), 0u);
  EXPECT_EQ(root.Vector(3, 8).At<int64_t>(2), 0);
  EXPECT_EQ(root.Vector(4, 4).StringAt(2), "");
}

TEST(FlatBuffer, OffsetsAndCountsThatLieAreAbsent) {
  std::string count = FlatWriter("TEST").Finish(FlatTableNode({{0, Ref(FlatBytes(U32(0xFFFFFFFF)))}}));
  auto source = Memory(count);
  FlatBuffer buffer(*source);
  EXPECT_EQ(buffer.Root().Vector(0, 8).size(), 0u);
  EXPECT_EQ(buffer.Root().String(0), "");
  for (const char* bytes : {"", "\xff\xff\xff\xff", "\1\0\0\0", "\4\0\0\0\xff\xff\xff\x7f"}) {
    auto small = Memory(bytes);
    FlatBuffer broken(*small);
    EXPECT_EQ(broken.Root().Scalar<uint32_t>(0, 4), 4u);
    EXPECT_EQ(broken.Root().Vector(0, 4).size(), 0u);
  }
}

// Every cut and every changed byte reads as something, without a read outside of the source.
TEST(FlatBuffer, AnyDamageIsHarmless) {
  std::string whole = Sample();
  auto use = [](const std::string& bytes) {
    auto source = Memory(bytes);
    FlatBuffer buffer(*source);
    FlatTable root = buffer.Root();
    return root.String(2).size() + root.Vector(4, 4).TableAt(0).String(1).size() + root.Vector(3, 8).size();
  };
  EXPECT_EQ(use(whole), 6u);
  for (size_t cut = 0; cut < whole.size(); ++cut) EXPECT_LE(use(whole.substr(0, cut)), whole.size());
  for (size_t at = 0; at < whole.size(); ++at) {
    for (char value : {'\0', '\x7f', '\xff'}) {
      std::string changed = whole;
      changed[at] = value;
      EXPECT_LE(use(changed), 4 * whole.size());
    }
  }
}

}  // namespace
}  // namespace pthview
