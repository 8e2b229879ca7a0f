#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/analysis/compare/checkpoint_step.h"
#include "lib/analysis/compare/difference.h"
#include "lib/analysis/compare/file_diff.h"
#include "lib/analysis/compare/lineage.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using testing::ModelFixture;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Difference Between(const std::vector<float>& a, const std::vector<float>& b) {
  ModelFixture x;
  ModelFixture y;
  Index i = x.AddValues({static_cast<int64_t>(a.size())}, DType::kFloat32, a);
  Index j = y.AddValues({static_cast<int64_t>(b.size())}, DType::kFloat32, b);
  auto difference = Compare(x.model, x.model.tensors[i], y.model, y.model.tensors[j]);
  EXPECT_TRUE(difference) << (difference ? "" : difference.error().message);
  return difference ? *difference : Difference{};
}

TEST(Difference, OfEqualValuesIsNone) {
  Difference d = Between({1, kNan, kInf, 0}, {1, kNan, kInf, 0});
  EXPECT_EQ(d.verdict, Verdict::kEqual);
  EXPECT_TRUE(d.same_bytes);
  // The two zeros are equal, and other bytes.
  d = Between({0.0F, 1}, {-0.0F, 1});
  EXPECT_EQ(d.verdict, Verdict::kEqual);
  EXPECT_FALSE(d.same_bytes);
}

TEST(Difference, HasItsFigures) {
  Difference d = Between({3, 0, 4}, {3, 0, 0});
  EXPECT_EQ(d.verdict, Verdict::kDiffers);
  EXPECT_EQ(d.different, 1);
  EXPECT_EQ(d.max, 4);
  EXPECT_DOUBLE_EQ(d.mean, 4.0 / 3);
  EXPECT_DOUBLE_EQ(d.distance, 4);
  EXPECT_DOUBLE_EQ(d.relative, 0.8);
  EXPECT_DOUBLE_EQ(d.cosine, 0.6);
}

TEST(Difference, KeepsNotFiniteValuesOutOfTheSums) {
  Difference d = Between({kNan, 1, kInf, 2}, {1, 1, -kInf, 2.5F});
  EXPECT_EQ(d.different, 3);
  EXPECT_EQ(d.not_finite, 2);
  EXPECT_EQ(d.max, 0.5);
}

TEST(Difference, OfOtherShapesIsNotComparable) {
  ModelFixture fixture;
  Index a = fixture.AddValues<float>({2}, DType::kFloat32, {1, 2});
  Index b = fixture.AddValues<float>({1, 2}, DType::kFloat32, {1, 2});
  Index none = fixture.Add("none", {2});
  for (Index other : {b, none}) {
    auto d = Compare(fixture.model, fixture.model.tensors[a], fixture.model, fixture.model.tensors[other]);
    ASSERT_TRUE(d);
    EXPECT_EQ(d->verdict, Verdict::kIncomparable);
    EXPECT_FALSE(d->reason.empty());
  }
}

TEST(Difference, BesideAnotherTypeIsOfTheValues) {
  ModelFixture fixture;
  Index a = fixture.AddValues<float>({2}, DType::kFloat32, {1, 2});
  Index b = fixture.AddValues<double>({2}, DType::kFloat64, {1, 2});
  Index c = fixture.AddValues<uint8_t>({2}, DType::kUint8, {1, 3});
  auto same = Compare(fixture.model, fixture.model.tensors[a], fixture.model, fixture.model.tensors[b]);
  ASSERT_TRUE(same);
  EXPECT_EQ(same->verdict, Verdict::kEqual);
  auto other = Compare(fixture.model, fixture.model.tensors[a], fixture.model, fixture.model.tensors[c]);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->max, 1);
}

// 2^40 elements over 4 bytes on either side.
TEST(Difference, OfRepeatedElementsWithoutEndIsRefused) {
  ModelFixture fixture;
  Index a = fixture.AddValues<float>({1}, DType::kFloat32, {1});
  Index b = fixture.AddValues<float>({1}, DType::kFloat32, {2});
  for (Index t : {a, b}) fixture.Restride(t, {int64_t{1} << 20, int64_t{1} << 20}, {0, 0});
  auto d = Compare(fixture.model, fixture.model.tensors[a], fixture.model, fixture.model.tensors[b]);
  ASSERT_TRUE(d);
  EXPECT_EQ(d->verdict, Verdict::kIncomparable);
}

TEST(Match, FindsCommonPrefixes) {
  ModelFixture a;
  ModelFixture b;
  std::vector<Index> in_a;
  std::vector<Index> in_b;
  for (const char* name : {"conv.weight", "conv.bias", "fc.weight"}) {
    in_a.push_back(a.Add(name, {3}));
    in_b.push_back(b.Add(std::string("net.body.") + name, {3}));
  }
  in_b.push_back(b.Add("extra", {3}));
  auto matching = MatchTensors(a.model, in_a, b.model, in_b, {.by_content = false});
  ASSERT_TRUE(matching);
  EXPECT_EQ(matching->matches.size(), 3U);
  EXPECT_EQ(matching->only_b.size(), 1U);
  EXPECT_EQ(matching->matches[2].by, MatchedBy::kPrefix);
}

TEST(CheckpointStep, OrdersNamesByTheirNumbers) {
  EXPECT_TRUE(NaturallyLess("model-9.pth", "model-10.pth"));
  EXPECT_FALSE(NaturallyLess("model-10.pth", "model-9.pth"));
  EXPECT_TRUE(NaturallyLess("a", "a1"));
  EXPECT_FALSE(NaturallyLess("a", "a"));
  EXPECT_TRUE(NaturallyLess("x007", "x8"));
}

TEST(Lineage, RefusesTooManyFiles) {
  ModelFixture fixture;
  std::vector<LineageFile> files(257, LineageFile{&fixture.model});
  auto nodes = FindLineage(files);
  ASSERT_FALSE(nodes);
  EXPECT_EQ(nodes.error().code, ErrorCode::kLimit);
}

TEST(Lineage, OfFilesWithoutTensorsIsOfRoots) {
  ModelFixture fixture;
  std::vector<LineageFile> files(3, LineageFile{&fixture.model});
  auto nodes = FindLineage(files);
  ASSERT_TRUE(nodes);
  for (const LineageNode& node : *nodes) EXPECT_FALSE(node.parent);
}

}  // namespace
}  // namespace pthview
