#include "lib/analysis/graphs/uses.h"

#include <gtest/gtest.h>

#include "tests/unit/analysis/graphs/graph_maker.h"

namespace pthview {
namespace {

Model TwoWeights() {
  testing::GraphMaker inner("then");
  inner.Add("aten::linear", {"y", "w"}, {"z"}, 1);
  testing::GraphMaker maker;
  maker.Input("x");
  maker.Add("aten::conv2d", {"x", "w", "b"}, {"a"}, 1).inputs[1].name = "weight";
  maker.Add("prim::If", {"a"}, {"c"}, 0).blocks = {1};
  maker.graph.values[maker.Value("w")].tensor = 0;
  maker.graph.values[maker.Value("b")].tensor = 1;
  inner.graph.values[inner.Value("w")].tensor = 0;
  Model model;
  model.tensors.resize(4);
  model.tensors[2].same_as = 0;
  model.modules.resize(2);
  model.graphs = {maker.graph, inner.graph};
  model.graph_roots = {0};
  return model;
}

TEST(Uses, OfAWeightAreFoundInBodiesAndByItsOtherName) {
  const Model model = TwoWeights();
  const WeightUses uses(model);
  ASSERT_EQ(uses.Of(0).size(), 2U);
  EXPECT_EQ(UseText(model, uses.Of(0)[0]), "aten::conv2d0 (aten::conv2d, weight)");
  EXPECT_EQ(UseText(model, uses.Of(0)[1]), "aten::linear0 (aten::linear) of then");
  EXPECT_EQ(uses.Of(1).size(), 1U);
  EXPECT_EQ(uses.Of(2).size(), 2U) << "the same tensor";
  EXPECT_TRUE(uses.Of(3).empty());
  EXPECT_TRUE(uses.Of(99).empty());
}

TEST(Uses, InferredGraphsSayNothingOfUse) {
  Model model = TwoWeights();
  for (Graph& graph : model.graphs) graph.origin = Origin::kInferred;
  EXPECT_FALSE(WeightUses(model).any());
}

TEST(Uses, OperatorsAreCountedByTheirInnermostModule) {
  EXPECT_EQ(OperatorsOfModules(TwoWeights()), (std::vector<uint64_t>{1, 2}));
}

}  // namespace
}  // namespace pthview
