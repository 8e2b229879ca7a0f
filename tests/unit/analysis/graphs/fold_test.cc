#include "lib/analysis/graphs/fold.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/analysis/graphs/graph_maker.h"

namespace pthview {
namespace {

using testing::GraphMaker;

// root -> a -> (a.b, a.c), d
Model Modules() {
  Model model;
  const std::vector<std::pair<const char*, Index>> rows = {{"", kNone}, {"a", 0}, {"a.b", 1}, {"a.c", 1}, {"d", 0}};
  for (const auto& [path, parent] : rows) model.modules.push_back({.path = path, .parent = parent});
  return model;
}

// "[a: n0 [a.b: n1 n2] n3] n4"
std::string Written(const Model& model, const FoldedGraph& folded, Index group = 0) {
  std::string text;
  for (const FoldedItem& item : folded.groups[group].items) {
    if (!text.empty()) text += ' ';
    if (item.node != kNone) {
      text += "n" + std::to_string(item.node);
    } else {
      const FoldedGroup& inner = folded.groups[item.group];
      EXPECT_EQ(inner.parent, group);
      text += "[" + std::string(model.modules[inner.module].path) + ": " + Written(model, folded, item.group) + "]";
    }
  }
  return text;
}

std::vector<std::string> Names(const Graph& graph, const std::vector<Index>& values) {
  std::vector<std::string> names;
  for (Index value : values) names.push_back(graph.values[value].name);
  return names;
}

TEST(Fold, CallsAreRunsOfNeighbours) {
  Model model = Modules();
  GraphMaker maker;
  maker.Input("x");
  maker.Add("aten::relu", {"x"}, {"0"}, 1);
  maker.Add("aten::conv2d", {"0"}, {"1"}, 2);
  maker.Add("aten::add", {"1"}, {"2"}, 2);
  maker.Add("aten::neg", {"2"}, {"3"}, kNone);  // of what its neighbours share
  maker.Add("aten::conv2d", {"3"}, {"4"}, 3);   // alone in its module
  maker.Add("aten::add", {"4", "0"}, {"5"}, 1);
  maker.Add("aten::linear", {"5"}, {"6"}, 0);
  maker.Add("aten::relu", {"6"}, {"7"}, 1);  // a torn call
  maker.Add("aten::relu", {"7"}, {"8"}, 1);
  maker.Output("8");
  FoldedGraph folded = FoldByModule(model, maker.graph);
  EXPECT_EQ(Written(model, folded), "[a: n0 [a.b: n1 n2] n3 n4 n5] n6 [a: n7 n8]");
  const FoldedGroup& a = folded.groups[folded.groups[0].items[0].group];
  EXPECT_THAT(Names(maker.graph, a.inputs), ::testing::ElementsAre("x"));
  EXPECT_THAT(Names(maker.graph, a.outputs), ::testing::ElementsAre("5"));
  const FoldedGroup& b = folded.groups[a.items[1].group];
  EXPECT_THAT(Names(maker.graph, b.inputs), ::testing::ElementsAre("0"));
  EXPECT_THAT(Names(maker.graph, b.outputs), ::testing::ElementsAre("2"));
}

TEST(Fold, CallsOfOneModuleStandApart) {
  Model model = Modules();
  GraphMaker maker;
  for (uint32_t call : {0U, 0U, 1U, 1U}) maker.Add("aten::relu", {}, {}, 4).call = call;
  EXPECT_EQ(Written(model, FoldByModule(model, maker.graph)), "[d: n0 n1] [d: n2 n3]");
}

TEST(Fold, WhatBodiesUseEntersTheGroup) {
  Model model = Modules();
  GraphMaker inner("then");
  inner.Add("aten::neg", {"y"}, {"z"});
  inner.Output("z");
  GraphMaker maker;
  maker.Input("x");
  maker.Add("aten::relu", {"x"}, {"y"}, 4);
  maker.Add("aten::relu", {"x"}, {"c"}, 4);
  maker.Add("prim::If", {"c"}, {"r"}, 1).blocks = {1};
  maker.Add("aten::relu", {"r"}, {"s"}, 1);
  maker.Output("s");
  model.graphs = {maker.graph, inner.graph};
  EXPECT_THAT(Names(maker.graph, CapturedValues(model, maker.graph)[2]), ::testing::ElementsAre("y"));
  FoldedGraph folded = FoldByModule(model, maker.graph);
  EXPECT_EQ(Written(model, folded), "[d: n0 n1] [a: n2 n3]");
  EXPECT_THAT(Names(maker.graph, folded.groups[1].outputs), ::testing::UnorderedElementsAre("c", "y"));
  EXPECT_THAT(Names(maker.graph, folded.groups[2].inputs), ::testing::UnorderedElementsAre("c", "y"));
}

}  // namespace
}  // namespace pthview
