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
  EXPECT_EQ(found["hits"][0],
            Json::parse(R"({"kind": "module", "index": 2, "path": "Layer1.conv", "text": "Conv2d"})"));
  EXPECT_EQ(
      found["hits"][1],
      Json::parse(
          R"({"kind": "tensor", "index": 0, "path": "state_dict.Layer1.conv.weight", "text": "float32[8,3,3,3]"})"));
}

TEST_F(SearchTest, EveryWordMustBeSomewhere) {
  EXPECT_EQ(Find("weight layer1")["total"], 1);
  EXPECT_EQ(Find("weight float32[4,8]")["hits"][0]["index"], 2);
  EXPECT_EQ(Find("weight nowhere")["total"], 0);
  EXPECT_EQ(Find("   ")["total"], 0);
}

TEST_F(SearchTest, ClassesAreFound) {
  Json found = Find("conv2d");
  ASSERT_EQ(found["total"], 1);
  EXPECT_EQ(found["hits"][0]["path"], "Layer1.conv");
}

TEST_F(SearchTest, GlobsMatchWholeNamesOrTheirEnds) {
  EXPECT_EQ(Find("conv.w*")["total"], 1);
  EXPECT_EQ(Find("c?nv.*")["total"], 2);
  EXPECT_EQ(Find("onv.w*")["total"], 0);
  EXPECT_EQ(Find("*.bias")["total"], 1);
}

TEST_F(SearchTest, PlainValuesAreFoundByPathAndText) {
  fixture_.model.plain.push_back({.path = "args.arch", .text = "resnet50", .kind = PlainKind::kString});
  fixture_.model.plain.push_back({.path = "state_dict._metadata.version", .text = "1", .kind = PlainKind::kInt});
  Json found = Find("ResNet");
  ASSERT_EQ(found["total"], 1);
  EXPECT_EQ(found["hits"][0], Json::parse(R"({"kind": "value", "index": 0, "path": "args.arch", "text": "resnet50"})"));
  EXPECT_EQ(Find("args")["total"], 1);
  EXPECT_EQ(Find("_metadata")["total"], 0);
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
