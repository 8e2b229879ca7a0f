#include "tools/server/figures_json.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;
using Json = nlohmann::json;

TEST(Figures, RowsAreThoseOfTensorsWithNumbers) {
  ModelFixture fixture;
  fixture.AddValues<float>({4}, DType::kFloat32, {3, -4, 0, NAN});
  fixture.Add("gone", {8});
  Json figures = Json::parse(FiguresJson(fixture.model, 0).value());
  ASSERT_EQ(figures["rows"].size(), 1);
  EXPECT_EQ(figures["next"], -1);
  Json row = figures["rows"][0];
  auto value = [&](const char* name) {
    auto names = figures["names"];
    return row[static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin()) + 1];
  };
  EXPECT_EQ(value("count"), 4);
  EXPECT_EQ(value("min"), -4);
  EXPECT_NEAR(value("l2").get<double>(), 5, 1e-9);
  EXPECT_EQ(value("zeros"), 1);
  EXPECT_EQ(value("not_finite"), 1);
}

TEST(Figures, AStretchEndsAndTheNextGoesOn) {
  ModelFixture fixture;
  for (size_t i = 0; i < kStretchTensors + 3; ++i) fixture.AddValues<float>({1}, DType::kFloat32, {1});
  Json first = Json::parse(FiguresJson(fixture.model, 0).value());
  EXPECT_EQ(first["rows"].size(), kStretchTensors);
  EXPECT_EQ(first["next"], kStretchTensors);
  Json second = Json::parse(FiguresJson(fixture.model, first["next"].get<uint64_t>()).value());
  EXPECT_EQ(second["rows"].size(), 3);
  EXPECT_EQ(second["next"], -1);
  EXPECT_EQ(Json::parse(FiguresJson(fixture.model, UINT64_MAX).value())["rows"], Json::array());
}

TEST(Compare, ByNameWithVerdicts) {
  ModelFixture a;
  ModelFixture b;
  a.AddValues<float>({3}, DType::kFloat32, {3, 4, NAN});  // values0
  a.AddValues<float>({2}, DType::kFloat32, {3, 4});       // values1
  a.AddValues<float>({2}, DType::kFloat32, {1, 2});       // values2
  a.Add("missing", {2});
  a.Add("alone", {2});
  b.AddValues<double>({3}, DType::kFloat64, {3, 4, NAN});
  b.AddValues<float>({2}, DType::kFloat32, {3, 4.5});
  b.AddValues<float>({1, 2}, DType::kFloat32, {1, 2});
  b.Add("missing", {2});
  b.Add("new", {2});
  Json result = Json::parse(CompareJson(a.model, b.model, 0).value());
  ASSERT_EQ(result["rows"].size(), 5);
  EXPECT_EQ(result["rows"][0], Json::parse(R"([0, 0, "equal", 0, 0])"));
  EXPECT_EQ(result["rows"][1][2], "differs");
  EXPECT_EQ(result["rows"][1][3], 0.5);
  EXPECT_NEAR(result["rows"][1][4].get<double>(), 0.5 / std::sqrt(9 + 4.5 * 4.5), 1e-9);
  EXPECT_EQ(result["rows"][2], Json::parse(R"([2, 2, "shape", 0, 0])"));
  EXPECT_EQ(result["rows"][3][2], "unread");
  EXPECT_EQ(result["rows"][4], Json::parse(R"([4, -1, "only_a", 0, 0])"));
  EXPECT_EQ(result["only_b"], Json::parse("[4]"));
  EXPECT_EQ(result["next"], -1);
  Json self = Json::parse(CompareJson(a.model, a.model, 0).value());
  EXPECT_EQ(self["only_b"], Json::array());
}

TEST(Find, ATensorByItsName) {
  ModelFixture fixture;
  fixture.Add("a.b", {1});
  EXPECT_EQ(FindJson(fixture.model, "a.b"), R"({"index":0})");
  EXPECT_EQ(FindJson(fixture.model, "a"), R"({"index":-1})");
}

}  // namespace
}  // namespace pthview::server
