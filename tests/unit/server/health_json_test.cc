#include "tools/server/health_json.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;
using Json = nlohmann::json;

TEST(Health, NamesWhatLooksUnwell) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "");
  Index index = fixture.AddValues<float>({2, 2}, DType::kFloat32, {1, NAN, 2, 3});
  fixture.model.tensors[index].kind = TensorKind::kParameter;
  Json health = Json::parse(HealthJson(fixture.model, index).value());
  ASSERT_FALSE(health["warnings"].empty());
  EXPECT_EQ(health["warnings"][0]["code"], "nan");
  EXPECT_FALSE(health["warnings"][0]["why"].get<std::string>().empty());
  EXPECT_TRUE(health["update"].is_null());
}

TEST(Health, ATensorWithoutValuesHasNone) {
  ModelFixture fixture;
  Json health = Json::parse(HealthJson(fixture.model, fixture.Add("gone", {2, 2})).value());
  EXPECT_EQ(health["warnings"], Json::array());
  EXPECT_FALSE(HealthJson(fixture.model, 7));
}

}  // namespace
}  // namespace pthview::server
