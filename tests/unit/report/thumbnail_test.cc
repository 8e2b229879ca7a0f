#include "tools/report/thumbnail.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::report {
namespace {

using ::testing::ElementsAre;

std::vector<int> BytesOf(const Thumbnail& thumbnail) {
  std::vector<int> bytes;
  for (char c : thumbnail.bytes) bytes.push_back(static_cast<uint8_t>(c));
  return bytes;
}

std::vector<float> Steps(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return values;
}

Thumbnail Made(const std::vector<int64_t>& shape, const std::vector<float>& values, int64_t side = 32) {
  testing::ModelFixture fixture;
  const Index index = fixture.AddValues<float>(shape, DType::kFloat32, values);
  auto made = MakeThumbnail(fixture.model, fixture.model.tensors[index], side);
  EXPECT_TRUE(made.has_value());
  return made ? *made : Thumbnail{};
}

TEST(Thumbnail, CellsAreCentredOnZero) {
  const Thumbnail made = Made({2, 2}, {-4, 0, 2, 4});
  EXPECT_EQ(made.kind, Thumbnail::Kind::kHeatmap);
  EXPECT_EQ(made.low, -4);
  EXPECT_EQ(made.high, 4);
  EXPECT_THAT(BytesOf(made), ElementsAre(0, 127, 190, kHighest));
}

TEST(Thumbnail, WhatIsNoNumberIsMarked) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(BytesOf(Made({2, 2}, {NAN, infinity, -infinity, 1})),
              ElementsAre(kNanByte, kInfinityByte, kInfinityByte, kHighest));
  EXPECT_THAT(BytesOf(Made({3}, {NAN, 1, 2})), ElementsAre(kNanByte, 0, kHighest));
}

TEST(Thumbnail, LargeMatricesAreMadeSmaller) {
  const Thumbnail made = Made({100, 50}, Steps(5000), 16);
  EXPECT_EQ(made.rows, 16);
  EXPECT_EQ(made.columns, 16);
  EXPECT_EQ(made.bytes.size(), 256u);
  EXPECT_FALSE(made.note.empty());
}

// The first of several filters that do not fit, whole ones only.
TEST(Thumbnail, FiltersAreTilesOfTheirFirstChannels) {
  const Thumbnail made = Made({20, 10, 3, 3}, Steps(1800), 16);
  EXPECT_EQ(made.kind, Thumbnail::Kind::kFilters);
  EXPECT_EQ(made.across, 8);
  EXPECT_EQ(made.tiles, 3 * 8);
  EXPECT_EQ(made.bytes.size(), 3u * 8 * 9);
  // The second row of tiles is the second filter: its first value is 90.
  EXPECT_EQ(BytesOf(made)[72], std::lround((90 / made.high + 1) / 2 * kHighest));
  EXPECT_EQ(made.note, "filters, a row each, of the first 8 of 10 input channels; the first 3 of 20");
}

TEST(Thumbnail, FiltersOfThreeChannelsAreColours) {
  std::vector<float> values(12, 0);
  values[4] = 1;  // green of the first pixel
  values[11] = -1;
  const Thumbnail made = Made({1, 3, 2, 2}, values);
  EXPECT_EQ(made.kind, Thumbnail::Kind::kColors);
  EXPECT_THAT(BytesOf(made), ElementsAre(127, kHighest, 127, 127, 127, 127, 127, 127, 127, 127, 127, 0));
}

TEST(Thumbnail, SomeThingsHaveNone) {
  EXPECT_EQ(Made({}, {1}).kind, Thumbnail::Kind::kNone);
  EXPECT_EQ(Made({0, 3}, {}).kind, Thumbnail::Kind::kNone);
  EXPECT_EQ(Made({2, 2}, {NAN, NAN, NAN, NAN}).bytes, std::string(4, static_cast<char>(kNanByte)));
  EXPECT_EQ(Made({2, 2}, {1, 2, 3, 4}, 0).kind, Thumbnail::Kind::kNone);
}

// A constant is one colour, and huge values no overflow.
TEST(Thumbnail, RangesThatAreNone) {
  EXPECT_THAT(BytesOf(Made({3}, {7, 7, 7})), ElementsAre(127, 127, 127));
  const float huge = std::numeric_limits<float>::max();
  EXPECT_THAT(BytesOf(Made({3}, {-huge, 0, huge})), ElementsAre(0, 127, kHighest));
}

}  // namespace
}  // namespace pthview::report
