#include "tools/server/heatmap.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;
using Json = nlohmann::json;

Json Get(const ModelFixture& fixture, Index index) {
  Result<std::string> text = HeatmapJson(fixture.model, index);
  EXPECT_TRUE(text) << (text ? "" : text.error().message);
  return text ? Json::parse(*text) : Json();
}

TEST(Heatmap, SmallTensorsAreShownCellByCell) {
  ModelFixture fixture;
  Json map = Get(fixture, fixture.AddValues<float>({2, 3}, DType::kFloat32, {1, 2, 3, NAN, 5, 6}));
  EXPECT_EQ(map["rows"], 2);
  EXPECT_EQ(map["columns"], 3);
  EXPECT_EQ(map["low"], 1.0);
  EXPECT_EQ(map["high"], 6.0);
  EXPECT_EQ(map["values"], Json::parse(R"([1, 2, 3, "NaN", 5, 6])"));
  EXPECT_EQ(map["sampled"], false);
}

TEST(Heatmap, HigherRanksAreFirstDimensionByTheRest) {
  ModelFixture fixture;
  Json map = Get(fixture, fixture.AddValues<int32_t>({2, 2, 2}, DType::kInt32, {0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(map["rows"], 2);
  EXPECT_EQ(map["columns"], 4);
  EXPECT_EQ(Get(fixture, fixture.AddValues<int32_t>({3}, DType::kInt32, {7, 8, 9}))["rows"], 1);
  Json scalar = Get(fixture, fixture.AddValues<int32_t>({}, DType::kInt32, {7}));
  EXPECT_EQ(scalar["values"], Json::parse("[7]"));
  EXPECT_EQ(Get(fixture, fixture.AddValues<int32_t>({0, 5}, DType::kInt32, {}))["values"], Json::array());
}

// Every element counts in exactly the cell whose block holds it, also where blocks differ in size.
TEST(Heatmap, CellsAreTheMeansOfTheirBlocks) {
  constexpr int64_t kRows = 300;
  constexpr int64_t kColumns = 700;
  std::vector<float> values(kRows * kColumns);
  std::vector<double> sums(size_t{256} * 256);
  std::vector<int> counts(size_t{256} * 256);
  for (int64_t cell_row = 0; cell_row < 256; ++cell_row) {
    for (int64_t row = cell_row * kRows / 256; row < (cell_row + 1) * kRows / 256; ++row) {
      for (int64_t cell_column = 0; cell_column < 256; ++cell_column) {
        for (int64_t column = cell_column * kColumns / 256; column < (cell_column + 1) * kColumns / 256; ++column) {
          float value = static_cast<float>((row * 31 + column * 17) % 101);
          values[static_cast<size_t>(row * kColumns + column)] = value;
          sums[static_cast<size_t>(cell_row * 256 + cell_column)] += value;
          ++counts[static_cast<size_t>(cell_row * 256 + cell_column)];
        }
      }
    }
  }
  ModelFixture fixture;
  Json map = Get(fixture, fixture.AddValues({kRows, kColumns}, DType::kFloat32, values));
  ASSERT_EQ(map["values"].size(), 256 * 256);
  for (size_t i = 0; i < sums.size(); ++i) {
    ASSERT_NEAR(map["values"][i].get<double>(), sums[i] / counts[i], 1e-3) << i;
  }
}

// An expanded tensor of 2^40 elements over one value: sampled, so that it ends at all.
TEST(Heatmap, HugeShapesAreSampled) {
  ModelFixture fixture;
  Index index = fixture.AddValues<float>({1}, DType::kFloat32, {2});
  fixture.Restride(index, {1 << 20, 1 << 20}, {0, 0});
  Json map = Get(fixture, index);
  EXPECT_EQ(map["sampled"], true);
  ASSERT_EQ(map["values"].size(), 256 * 256);
  for (const Json& value : map["values"]) ASSERT_EQ(value, 2);
}

TEST(Heatmap, NoSuchTensorAndNoValues) {
  ModelFixture fixture;
  EXPECT_FALSE(HeatmapJson(fixture.model, 0));
  Index index = fixture.Add("gone", {4});
  Result<std::string> text = HeatmapJson(fixture.model, index);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace pthview::server
