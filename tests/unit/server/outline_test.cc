#include "tools/server/outline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/analysis/structure/structure.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string PathOf(const Outline& outline, Index tensor) {
  return std::string(outline.modules[outline.module_of[tensor]].path);
}

void ExpectTree(const Outline& outline) {
  for (size_t i = 0; i < outline.modules.size(); ++i) {
    Index parent = outline.modules[i].parent;
    EXPECT_TRUE(parent == kNone || parent < i) << i;
  }
}

TEST(PathSteps, SplitsAtDotsAndBrackets) {
  EXPECT_THAT(PathSteps("state[0].exp_avg"), ElementsAre("state", "[0]", "exp_avg"));
  EXPECT_THAT(PathSteps(".a[\"b.c]\\\"d\"][1]"), ElementsAre("a", "[\"b.c]\\\"d\"]", "[1]"));
  EXPECT_THAT(PathSteps(""), IsEmpty());
  EXPECT_THAT(PathSteps("..."), IsEmpty());
  EXPECT_THAT(PathSteps("a[\"open"), ElementsAre("a", "[\"open"));
  EXPECT_THAT(PathSteps("a[\"\\"), ElementsAre("a", "[\"\\"));
}

TEST(BuildOutline, KeepsTheModelsTreeInOrder) {
  ModelFixture fixture;
  Index weight = fixture.Add("b.conv.weight", {8, 3, 3, 3});
  Index bias = fixture.Add("b.conv.bias", {8});
  Index other = fixture.Add("a.weight", {4, 8});
  InferModules(fixture.model);
  Outline outline = BuildOutline(fixture.model);
  ExpectTree(outline);
  EXPECT_EQ(PathOf(outline, weight), "b.conv");
  EXPECT_EQ(outline.module_of[weight], outline.module_of[bias]);
  EXPECT_EQ(PathOf(outline, other), "a");
  std::vector<std::string_view> paths;
  for (const OutlineModule& module : outline.modules) paths.push_back(module.path);
  EXPECT_THAT(paths, ElementsAre("", "b", "b.conv", "a"));
  for (const OutlineModule& module : outline.modules) EXPECT_NE(module.source, kNone);
}

TEST(BuildOutline, MakesModulesFromPathsForStateOfAnOptimizer) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kOptimizer, "optimizer");
  Index first = fixture.Add("state[0].exp_avg", {3});
  Index same = fixture.Add("state[0].exp_avg_sq", {3});
  Index second = fixture.Add("state[1].exp_avg", {3});
  InferModules(fixture.model);
  Outline outline = BuildOutline(fixture.model);
  ExpectTree(outline);
  EXPECT_EQ(PathOf(outline, first), "state[0]");
  EXPECT_EQ(outline.module_of[first], outline.module_of[same]);
  EXPECT_EQ(PathOf(outline, second), "state[1]");
  const OutlineModule& module = outline.modules[outline.module_of[second]];
  EXPECT_EQ(module.name, "[1]");
  EXPECT_EQ(outline.modules[module.parent].name, "state");
  EXPECT_EQ(outline.modules[module.parent].parent, outline.roots[0]);
}

TEST(BuildOutline, TensorsOfNoPartGetARootOfTheirOwn) {
  ModelFixture fixture;
  Index tensor = fixture.Add("loose", {1});
  fixture.model.tensors[tensor].part = kNone;
  Outline outline = BuildOutline(fixture.model);
  EXPECT_EQ(outline.roots[0], kNone);
  EXPECT_EQ(outline.module_of[tensor], outline.roots[1]);
}

TEST(BuildOutline, DepthIsBounded) {
  std::string name = "w";
  for (int i = 0; i < 20000; ++i) name += ".a";
  for (PartKind kind : {PartKind::kModel, PartKind::kOptimizer}) {
    ModelFixture fixture;
    fixture.AddPart(kind, "part");
    Index tensor = fixture.Add(name, {1});
    InferModules(fixture.model);
    Outline outline = BuildOutline(fixture.model);
    EXPECT_LE(outline.modules.size(), kMaxOutlineDepth + 1);
    EXPECT_LT(outline.module_of[tensor], outline.modules.size());
  }
}

}  // namespace
}  // namespace pthview::server
