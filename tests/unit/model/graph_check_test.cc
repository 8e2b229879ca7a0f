// Each rule of graphs, broken once; and what a builder does with such graphs.
#include "lib/model/graph_check.h"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/model/builder.h"

namespace pthview {
namespace {

using ::testing::HasSubstr;

Argument Arg(std::string name, std::vector<Index> values) { return {std::move(name), std::move(values)}; }

// x -> If(x) {then: x -> neg -> z} -> y, with the weight w.
Model WithBody() {
  Model model;
  model.parts.emplace_back();
  model.tensors.emplace_back();
  model.modules.emplace_back();
  Graph main{.name = "forward", .part = 0};
  main.values = {{.name = "x"}, {.name = "w", .tensor = 0}, {.name = "y"}, {.name = ""}};
  main.inputs = {0};
  main.outputs = {2};
  Node branch{.name = "if", .op = "If", .module = 0};
  branch.inputs = {Arg("a", {0, 1, 3})};
  branch.outputs = {Arg("o", {2})};
  branch.blocks = {1};
  branch.attributes = {TypedAttribute("then", {GraphReference{1}}), TypedAttribute("w", {TensorValue{0}})};
  main.nodes = {branch};
  Graph body{.name = "then", .part = 0};
  body.values = {{.name = "x"}, {.name = "z"}};
  body.outputs = {1};
  Node neg{.name = "neg", .op = "neg"};
  neg.inputs = {Arg("self", {0})};
  neg.outputs = {Arg("", {1})};
  body.nodes = {neg};
  model.graphs = {main, body};
  model.graph_roots = {0};
  return model;
}

TEST(GraphCheck, AcceptsABodyThatUsesAValueOfTheGraphAround) { EXPECT_FALSE(CheckGraphs(WithBody())); }

AttributeValue Nested(int deep) {
  AttributeValue value{int64_t{1}};
  for (int i = 0; i < deep; ++i) value = {ListValue{{std::move(value)}, false}};
  return value;
}

ValueType NestedType(int deep) {
  ValueType type{.kind = TypeKind::kInt};
  for (int i = 0; i < deep; ++i) type = {.kind = TypeKind::kList, .items = {std::move(type)}};
  return type;
}

TEST(GraphCheck, NamesTheRuleThatIsBroken) {
  struct Case {
    std::function<void(Model&)> change;
    const char* text;
  };
  const std::vector<Case> cases = {
      {[](Model& m) { m.graph_roots = {0, 0}; }, "root twice"},
      {[](Model& m) { m.graph_roots = {7}; }, "no graph"},
      {[](Model& m) { m.graph_roots = {0, 1}; }, "is a root"},
      {[](Model& m) { m.graph_roots = {}; }, "neither a root nor a body"},
      {[](Model& m) { m.graphs[0].part = 5; }, "part"},
      {[](Model& m) { m.graphs[0].values[1].tensor = 9; }, "tensor"},
      {[](Model& m) { m.graphs[0].values[1].name = "x"; }, "two values"},
      {[](Model& m) { m.graphs[0].inputs = {99}; }, "no value of its graph"},
      {[](Model& m) { m.graphs[0].inputs = {0, 0}; }, "input twice"},
      {[](Model& m) { m.graphs[0].mutations = {{.value = 44}}; }, "written back"},
      {[](Model& m) { m.graphs[0].nodes[0].module = 3; }, "module"},
      {[](Model& m) { m.graphs[0].nodes[0].inputs[0].values = {12}; }, "argument"},
      {[](Model& m) { m.graphs[0].nodes[0].blocks = {0}; }, "behind"},
      {[](Model& m) { m.graphs[0].nodes[0].blocks = {1, 1}; }, "two nodes"},
      {[](Model& m) { m.graphs[0].nodes[0].inputs[0].values = {2}; }, "before it is made"},
      {[](Model& m) { m.graphs[0].nodes[0].outputs[0].values = {2, 2}; }, "made twice"},
      {[](Model& m) { m.graphs[0].nodes[0].outputs[0].values = {0}; }, "made twice"},
      {[](Model& m) { m.graphs[1].nodes.push_back({.name = "neg"}); }, "two nodes of a graph have one name"},
      {[](Model& m) { m.graphs[0].nodes[0].attributes[0].value = {GraphReference{0}}; }, "no body of its node"},
      {[](Model& m) { m.graphs[0].nodes[0].attributes[0].value = {TensorValue{4}}; }, "tensor"},
      {[](Model& m) { m.graphs[0].nodes[0].attributes[0].value = {ListValue{{{ValueReference{9}}}, false}}; },
       "does not have"},
      {[](Model& m) { m.graphs[0].nodes[0].attributes[0].value = {DictValue{{{int64_t{1}}}}}; }, "lacks a value"},
      {[](Model& m) { m.graphs[0].nodes[0].attributes[0].value = Nested(kDeepestAttribute + 1); }, "attribute nests"},
      {[](Model& m) { m.graphs[0].values[0].value_type = NestedType(kDeepestType + 1); }, "type nests"},
  };
  for (const Case& each : cases) {
    Model model = WithBody();
    each.change(model);
    auto broken = CheckGraphs(model);
    ASSERT_TRUE(broken) << each.text;
    EXPECT_THAT(broken->text, HasSubstr(each.text));
  }
  Model deep = WithBody();
  deep.graphs[0].nodes[0].attributes[0].value = Nested(kDeepestAttribute);
  deep.graphs[0].values[0].value_type = NestedType(kDeepestType);
  EXPECT_FALSE(CheckGraphs(deep));
}

TEST(GraphCheck, BodiesNestOnlySoDeep) {
  for (int deep : {kDeepestBlock, kDeepestBlock + 1}) {
    Model model;
    for (int i = 0; i <= deep; ++i) {
      Graph graph;
      if (i < deep) graph.nodes = {{.name = "n", .blocks = {static_cast<Index>(i + 1)}}};
      model.graphs.push_back(graph);
    }
    model.graph_roots = {0};
    EXPECT_EQ(CheckGraphs(model).has_value(), deep > kDeepestBlock);
  }
}

TEST(GraphCheck, ABuilderLeavesBrokenGraphsOut) {
  for (bool broken : {false, true}) {
    ModelBuilder builder;
    Model made = WithBody();
    builder.model().parts = made.parts;
    builder.model().tensors = made.tensors;
    builder.model().modules = made.modules;
    builder.model().graphs = made.graphs;
    builder.model().graph_roots = made.graph_roots;
    if (broken) builder.model().graphs[1].nodes[0].outputs[0].values = {0};
    Model model = std::move(builder).Finish();
    EXPECT_EQ(model.graphs.size(), broken ? 0U : 2U);
    EXPECT_EQ(model.graph_roots.size(), broken ? 0U : 1U);
    ASSERT_EQ(model.findings.size(), broken ? 1U : 0U);
    if (broken) EXPECT_EQ(model.findings[0].code, "graph-invalid");
  }
}

}  // namespace
}  // namespace pthview
