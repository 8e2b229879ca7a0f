#include "lib/analysis/graphs/simplify.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "lib/analysis/graphs/graph_text.h"
#include "lib/model/graph_check.h"
#include "tests/unit/analysis/graphs/graph_maker.h"

namespace pthview {
namespace {

using testing::GraphMaker;

Model ModelOf(std::vector<Graph> graphs) {
  Model model;
  model.tensors.resize(1);
  model.tensors[0].name = "fc.weight";
  model.graphs = std::move(graphs);
  model.graph_roots = {0};
  EXPECT_FALSE(CheckGraphs(model)) << CheckGraphs(model)->text;
  return model;
}

std::string Simplified(Model& model) {
  SimplifyGraphs(model);
  EXPECT_FALSE(CheckGraphs(model)) << CheckGraphs(model)->text;
  std::string text;
  WriteGraphText(model, model.graphs[0], [&](std::string_view line) { text += line; });
  return text;
}

TEST(Simplify, ConstantsListsAndFetchedWeightsGoIntoTheirUsers) {
  GraphMaker maker;
  maker.Input("self");
  maker.Input("x");
  maker.Add("prim::GetAttr", {"self"}, {"fc"});
  maker.Add("prim::GetAttr", {"fc"}, {"w"});
  maker.graph.values[maker.Value("w")].tensor = 0;
  maker.Constant("one", {int64_t{1}});
  maker.Constant("none", {NoneValue{}});
  maker.Add("prim::ListConstruct", {"one", "one"}, {"ones"});
  maker.Add("aten::conv2d", {"x", "w", "none", "ones"}, {"y"});
  maker.Add("prim::ListConstruct", {"x", "y"}, {"both"});
  maker.Add("aten::cat", {"both", "one"}, {"z"});
  maker.Add("prim::TupleConstruct", {"z", "y"}, {"result"});
  maker.Output("result");
  Model model = ModelOf({maker.graph});
  EXPECT_EQ(Simplified(model),
            "graph forward(%self, %x):\n"
            "  %y = aten::conv2d(%x, @fc.weight, None, [1, 1])\n"
            "  %z = aten::cat([%x, %y], 1)\n"
            "  return (%z, %y)\n");
  EXPECT_EQ(model.graphs[0].nodes[0].attributes[1].value.Ints(), (std::vector<int64_t>{1, 1}));
}

TEST(Simplify, SizesBecomeTexts) {
  GraphMaker maker;
  maker.Input("x");
  maker.Constant("zero", {int64_t{0}});
  maker.Constant("two", {int64_t{2}});
  maker.Constant("rest", {int64_t{-1}});
  maker.Add("aten::size", {"x", "zero"}, {"n"});
  maker.Add("prim::NumToTensor", {"n"}, {"t"});
  maker.Add("aten::mul", {"t", "two"}, {"m"});
  maker.Add("aten::Int", {"m"}, {"i"});
  maker.Add("prim::ListConstruct", {"i", "rest"}, {"shape"});
  maker.Add("aten::view", {"x", "shape"}, {"y"});
  maker.Add("aten::mul", {"y", "two"}, {"z"});  // no arithmetic of sizes
  maker.Output("z");
  for (const char* number : {"n", "i"}) maker.graph.values[maker.Value(number)].value_type.kind = TypeKind::kInt;
  Model model = ModelOf({maker.graph});
  EXPECT_EQ(Simplified(model),
            "graph forward(%x):\n"
            "  %y = aten::view(%x, [(size(x, 0) * 2), -1])\n"
            "  %z = aten::mul(%y, 2)\n"
            "  return (%z)\n");
}

TEST(Simplify, OnlyDropoutThatDoesNothingGoes) {
  for (bool train : {false, true}) {
    GraphMaker maker;
    maker.Input("x");
    maker.Constant("p", {0.5});
    maker.Constant("train", {train});
    maker.Add("aten::dropout", {"x", "p", "train"}, {"d"});
    maker.Add("aten::relu", {"d"}, {"y"});
    maker.Output("y");
    Model model = ModelOf({maker.graph});
    EXPECT_EQ(Simplified(model), train ? "graph forward(%x):\n"
                                         "  %d = aten::dropout(%x, 0.5, True)\n"
                                         "  %y = aten::relu(%d)\n"
                                         "  return (%y)\n"
                                       : "graph forward(%x):\n"
                                         "  %y = aten::relu(%x)\n"
                                         "  return (%y)\n");
  }
}

GraphMaker Branch(const char* name, const char* op) {
  GraphMaker branch(name);
  branch.Add(op, {"x", "two"}, {"r"});
  branch.Output("r");
  return branch;
}

TEST(Simplify, TheBranchThatRunsStandsWhereTheIfStood) {
  for (int condition : {0, 1, 2}) {  // false, true, not known
    GraphMaker maker;
    maker.Input("x");
    maker.Input("c");
    maker.Constant("two", {int64_t{2}});
    if (condition < 2) maker.Constant("known", {condition == 1});
    maker.Add("prim::If", {condition < 2 ? "known" : "c"}, {"r"}).blocks = {1, 2};
    maker.Add("aten::relu", {"r"}, {"y"});
    maker.Output("y");
    Model model = ModelOf({maker.graph, Branch("then", "aten::mul").graph, Branch("else", "aten::sub").graph});
    std::string text = Simplified(model);
    if (condition < 2) {
      EXPECT_EQ(text, std::string("graph forward(%x, %c):\n  %r' = aten::") + (condition == 1 ? "mul" : "sub") +
                          "(%x, 2)\n  %y = aten::relu(%r')\n  return (%y)\n");
      EXPECT_EQ(model.graphs.size(), 1U);
    } else {
      EXPECT_EQ(text,
                "graph forward(%x, %c):\n"
                "  %r = prim::If(%c)\n"
                "    block then():\n"
                "      %r = aten::mul(%x, 2)\n"
                "      -> (%r)\n"
                "    block else():\n"
                "      %r = aten::sub(%x, 2)\n"
                "      -> (%r)\n"
                "  %y = aten::relu(%r)\n"
                "  return (%y)\n");
    }
  }
}

TEST(Simplify, ABranchThatOnlyRaisesIsACheck) {
  GraphMaker raises("then");
  raises.Constant("text", {std::string("no")});
  raises.Add("prim::RaiseException", {"text"}, {});
  GraphMaker nothing("else");
  GraphMaker maker;
  maker.Input("x");
  maker.Input("c");
  maker.Add("prim::If", {"c"}, {}).blocks = {1, 2};
  maker.Add("aten::relu", {"x"}, {"y"});
  maker.Output("y");
  Model model = ModelOf({maker.graph, raises.graph, nothing.graph});
  EXPECT_EQ(Simplified(model), "graph forward(%x, %c):\n  %y = aten::relu(%x)\n  return (%y)\n");
}

TEST(Simplify, InferredGraphsStay) {
  GraphMaker maker;
  maker.Constant("one", {int64_t{1}});
  maker.graph.origin = Origin::kInferred;
  Model model = ModelOf({maker.graph});
  SimplifyGraphs(model);
  EXPECT_EQ(model.graphs[0].nodes.size(), 1U);
}

}  // namespace
}  // namespace pthview
