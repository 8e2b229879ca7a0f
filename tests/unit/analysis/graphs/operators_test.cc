#include "lib/analysis/graphs/operators.h"

#include <gtest/gtest.h>

#include "lib/analysis/graphs/summary.h"
#include "tests/unit/analysis/graphs/graph_maker.h"

namespace pthview {
namespace {

TEST(Operators, HaveNetronsCategories) {
  const std::pair<Node, std::string_view> cases[] = {
      {{.domain = "aten", .op = "conv2d"}, "Layer"},
      {{.domain = "aten", .op = "_convolution"}, "Layer"},
      {{.domain = "aten", .op = "relu_"}, "Activation"},
      {{.domain = "torch.nn", .op = "BatchNorm2d"}, "Normalization"},
      {{.domain = "aten", .op = "max_pool2d"}, "Pool"},
      {{.domain = "aten", .op = "view"}, "Shape"},
      {{.domain = "prim", .op = "If"}, "Control"},
      {{.domain = "aten", .op = "add"}, ""},
      {{.domain = "aten", .op = ""}, ""},
  };
  for (const auto& [node, category] : cases) EXPECT_EQ(OperatorCategory(node), category) << node.op;
}

TEST(Operators, AreCountedThroughBodies) {
  testing::GraphMaker inner("then");
  inner.Add("aten::neg", {"x"}, {"y"});
  inner.Add("aten::relu", {"y"}, {"z"});
  testing::GraphMaker maker;
  maker.Input("x");
  maker.Add("aten::relu", {"x"}, {"a"});
  maker.Add("prim::If", {"a"}, {"b"}).blocks = {1};
  maker.Output("b");
  Model model;
  model.graphs = {maker.graph, inner.graph};
  GraphSummary summary = SummarizeGraph(model, model.graphs[0]);
  EXPECT_EQ(summary.nodes, 4U);
  EXPECT_EQ(summary.bodies, 1U);
  ASSERT_EQ(summary.operators.size(), 3U);
  EXPECT_EQ(summary.operators[0].name, "aten::relu");
  EXPECT_EQ(summary.operators[0].count, 2U);
  EXPECT_EQ(summary.inputs.at(0).name, "x");
  EXPECT_EQ(summary.outputs.at(0).name, "b");
}

}  // namespace
}  // namespace pthview
