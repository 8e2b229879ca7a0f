#include "tools/server/search.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lib/analysis/structure/structure.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using Json = nlohmann::json;

class SearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fixture_.AddPart(PartKind::kModel, "state_dict");
    fixture_.Add("Layer1.conv.weight", {8, 3, 3, 3});
    fixture_.Add("Layer1.conv.bias", {8});
    fixture_.Add("fc.weight", {4, 8});
    InferModules(fixture_.model);
    outline_ = BuildOutline(fixture_.model);
  }
  Json Find(std::string_view query, size_t limit = 50) {
    return Json::parse(SearchJson(fixture_.model, outline_, query, limit));
  }
  pthview::testing::ModelFixture fixture_;
  Outline outline_;
};

TEST_F(SearchTest, FindsModulesThenTensorsInEitherCase) {
  Json found = Find("LAYER1.CONV");
  ASSERT_EQ(found["total"], 3);
  EXPECT_EQ(found["hits"][0], Json::parse(R"({"kind": "module", "index": 2, "path": "Layer1.conv"})"));
  EXPECT_EQ(found["hits"][1],
            Json::parse(R"({"kind": "tensor", "index": 0, "path": "state_dict.Layer1.conv.weight"})"));
}

TEST_F(SearchTest, LimitCutsHitsAndNotTheTotal) {
  Json found = Find("weight", 1);
  EXPECT_EQ(found["hits"].size(), 1);
  EXPECT_EQ(found["total"], 2);
}

TEST_F(SearchTest, NothingFound) {
  EXPECT_EQ(Find("nowhere")["total"], 0);
  EXPECT_EQ(Find("")["total"], 0);
}

}  // namespace
}  // namespace pthview::server
