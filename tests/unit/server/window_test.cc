#include "tools/server/window.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;
using Json = nlohmann::json;

Json Get(const ModelFixture& fixture, Index index, const WindowRange& range) {
  Result<std::string> text = WindowJson(fixture.model, index, range);
  EXPECT_TRUE(text) << (text ? "" : text.error().message);
  return text ? Json::parse(*text) : Json();
}

class WindowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<int32_t> values(24);
    for (int32_t i = 0; i < 24; ++i) values[static_cast<size_t>(i)] = i;
    index_ = fixture_.AddValues<int32_t>({2, 3, 4}, DType::kInt32, values);
  }
  ModelFixture fixture_;
  Index index_ = 0;
};

TEST_F(WindowTest, DimensionsAreSplitIntoRowsAndColumns) {
  Json first = Get(fixture_, index_, {.split = 1, .row = 1, .rows = 1, .column = 2, .columns = 3});
  EXPECT_EQ(first["values"], Json::parse("[14, 15, 16]"));
  Json last = Get(fixture_, index_, {.split = 2, .row = 1, .rows = 2, .column = 1, .columns = 2});
  EXPECT_EQ(last["values"], Json::parse("[5, 6, 9, 10]"));
  Json all = Get(fixture_, index_, {.split = 0, .row = 0, .rows = 9, .column = 20, .columns = 9});
  EXPECT_EQ(all["rows"], 1);
  EXPECT_EQ(all["values"], Json::parse("[20, 21, 22, 23]"));
}

TEST_F(WindowTest, WhatLiesOutsideIsCutOff) {
  Json cut = Get(fixture_, index_, {.split = 2, .row = 5, .rows = 100, .column = 3, .columns = 100});
  EXPECT_EQ(cut["rows"], 1);
  EXPECT_EQ(cut["columns"], 1);
  EXPECT_EQ(cut["values"], Json::parse("[23]"));
  EXPECT_EQ(Get(fixture_, index_, {.split = 9, .row = INT64_MAX, .rows = INT64_MAX})["values"], Json::array());
  EXPECT_EQ(Get(fixture_, index_, {.split = -1, .row = -5, .rows = 1, .column = -5, .columns = 2})["values"],
            Json::parse("[0, 1]"));
}

TEST_F(WindowTest, NumbersThatJsonCannotWriteAreText) {
  Index odd = fixture_.AddValues<float>({2, 2}, DType::kFloat32, {1, NAN, INFINITY, -2.5F});
  EXPECT_EQ(Get(fixture_, odd, {.rows = 2, .columns = 2})["values"], Json::parse(R"([1, "NaN", "Infinity", -2.5])"));
}

TEST_F(WindowTest, LargeWindowsAreRefused) {
  Index large = fixture_.AddValues<uint8_t>({400, 400}, DType::kUint8, std::vector<uint8_t>(160000));
  EXPECT_FALSE(WindowJson(fixture_.model, large, {.rows = 400, .columns = 1}));
  EXPECT_FALSE(WindowJson(fixture_.model, large, {.rows = 200, .columns = 400}));
  EXPECT_TRUE(WindowJson(fixture_.model, large, {.rows = 160, .columns = 400}));
  EXPECT_FALSE(WindowJson(fixture_.model, 99, {}));
}

TEST_F(WindowTest, EmptyTensorsHaveNoValues) {
  Index empty = fixture_.AddValues<float>({0, 5}, DType::kFloat32, {});
  EXPECT_EQ(Get(fixture_, empty, {.rows = 4, .columns = 4})["values"], Json::array());
}

TEST_F(WindowTest, ScalarsAreThoseWithoutDimensions) {
  fixture_.AddValues<int64_t>({}, DType::kInt64, {30});
  fixture_.AddValues<float>({1}, DType::kFloat32, {1});
  Result<std::string> scalars = ScalarsJson(fixture_.model);
  ASSERT_TRUE(scalars);
  EXPECT_EQ(Json::parse(*scalars), Json::parse(R"({"scalars": [[1, 30]]})"));
}

}  // namespace
}  // namespace pthview::server
