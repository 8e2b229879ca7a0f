#include "lib/analysis/structure/structure.h"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ModelFixture;
using ::testing::SizeIs;

// "path(tensors) path(tensors) ..." in the table's order.
std::string Tree(const ModelFixture& fixture) {
  std::string text;
  for (const Module& module : fixture.model.modules) {
    text += (text.empty() ? "" : " ") + std::string(module.path) + "(" + std::to_string(module.tensors.size()) + ")";
  }
  return text;
}

TEST(InferModules, SplitsNamesInTheOrderOfAppearance) {
  ModelFixture fixture;
  fixture.Add("cls_token", {1, 1, 8});
  fixture.Add("layer.1.conv.weight", {8, 8, 3, 3});
  fixture.Add("head.weight", {10, 8});
  fixture.Add("layer.0.conv.weight", {8, 8, 3, 3});
  fixture.Add("head.bias", {10});
  fixture.Add("layer.10.conv.weight", {8, 8, 3, 3});
  InferModules(fixture.model);
  EXPECT_EQ(Tree(fixture),
            "(1) layer(0) layer.1(0) layer.1.conv(1) head(2) layer.0(0) layer.0.conv(1) layer.10(0) layer.10.conv(1)");
  const Module& layer = *fixture.Find("layer");
  EXPECT_EQ(layer.name, "layer");
  EXPECT_THAT(layer.children, ElementsAre(2, 5, 7));
  EXPECT_EQ(fixture.model.modules[5].parent, 1U);
  EXPECT_THAT(fixture.Find("head")->tensors, ElementsAre(2, 4));
  EXPECT_EQ(fixture.model.parts[0].root, 0U);
}

TEST(InferModules, ClassesThatCxxDoesNotRecordAreInferred) {
  ModelFixture fixture;
  for (std::string_view name : {"fc.weight", "odd.x", "own.weight"}) fixture.Add(name, {4, 3});
  Model& model = fixture.model;
  model.modules = std::vector<Module>(4);
  model.modules[0].class_name = "__torch__.Module";
  model.modules[0].children = {1, 2, 3};
  for (Index i : {1, 2, 3}) {
    model.modules[i].parent = 0;
    model.modules[i].tensors = {i - 1};
    model.modules[i].name = model.modules[i].path = std::array<std::string_view, 3>{"fc", "odd", "own"}[i - 1];
    model.modules[i].class_name = "__torch__.___torch_mangle_3.Module";
  }
  model.modules[3].source = "class Module(Module):\n  def forward(self, x):\n    return x\n";  // written in Python
  model.parts[0].root = 0;
  for (int again = 0; again < 2; ++again) {
    InferModules(model);
    EXPECT_EQ(model.modules[0].class_name, "");
    EXPECT_EQ(model.modules[1].class_name, "Linear");
    EXPECT_EQ(model.modules[1].origin, Origin::kInferred);
    EXPECT_EQ(model.modules[1].attributes.at(0).text, "3");
    EXPECT_EQ(model.modules[2].class_name, "") << "nothing known";
    EXPECT_EQ(model.modules[3].class_name, "__torch__.___torch_mangle_3.Module");
    EXPECT_EQ(model.modules.size(), 4U);
    EXPECT_THAT(model.findings, SizeIs(2)) << "one module read as Linear, one not identified, each told once";
  }
}

TEST(InferModules, KeepsOddNamesApart) {
  ModelFixture fixture;
  fixture.Add(".a", {1});
  fixture.Add("b..c", {1});
  fixture.Add("b.c", {1});
  fixture.Add("b", {1});
  fixture.Add("ab.c", {1});
  InferModules(fixture.model);
  EXPECT_EQ(Tree(fixture), "(1) (1) b(1) b.(1) ab(1)");
}

TEST(InferModules, QuotedKeysAreSplitInsideAndNeverInTwo) {
  ModelFixture fixture;
  fixture.Add("[\"down-1.conv.weight\"]", {8, 4, 3, 3});
  fixture.Add("[\"down-1.conv.bias\"]", {8});
  fixture.Add("a[\"b.c\"].d", {1});
  fixture.Add("a[\"b.c\"][\"e.f\"]", {1});
  fixture.Add("[2.5]", {1});
  InferModules(fixture.model);
  EXPECT_EQ(Tree(fixture), "(2) down-1(0) down-1.conv(2) a[\"b.c\"](1)");
  EXPECT_EQ(fixture.Find("down-1.conv")->class_name, "Conv2d");
}

TEST(InferModules, EachPartHasATreeOfItsOwn) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "model");
  fixture.Add("fc.weight", {2, 3});
  fixture.AddPart(PartKind::kEma, "ema");
  fixture.Add("fc.weight", {2, 3});
  fixture.AddPart(PartKind::kOptimizer, "optimizer");
  fixture.Add("state.exp_avg", {2, 3});
  InferModules(fixture.model);
  EXPECT_EQ(Tree(fixture), "(0) fc(1) (0) fc(1)");
  EXPECT_EQ(fixture.model.parts[1].root, 2U);
  EXPECT_EQ(fixture.model.parts[2].root, kNone);
}

TEST(InferModules, DropsThePartsPathWhereNamesArePaths) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "model");
  Index tensor = fixture.Add("fc.weight", {2, 3});
  fixture.model.tensors[tensor].name = fixture.model.tensors[tensor].path;
  InferModules(fixture.model);
  EXPECT_EQ(Tree(fixture), "(0) fc(1)");
  EXPECT_EQ(fixture.ClassOf("fc"), "Linear");
}

TEST(InferModules, LeavesRecordedTreesAlone) {
  ModelFixture fixture;
  fixture.Add("fc.weight", {2, 3});
  fixture.model.modules.push_back({.class_name = "my.Net"});
  fixture.model.parts[0].root = 0;
  InferModules(fixture.model);
  EXPECT_THAT(fixture.model.modules, SizeIs(1));
  EXPECT_EQ(fixture.model.modules[0].class_name, "my.Net");
}

TEST(InferModules, DoesNothingTheSecondTime) {
  ModelFixture fixture;
  fixture.Add("module.conv.weight", {2, 3, 3, 3});
  fixture.Add("module.odd.thing", {2});
  InferGraphs(fixture.model);
  size_t modules = fixture.model.modules.size();
  size_t findings = fixture.model.findings.size();
  size_t graphs = fixture.model.graphs.size();
  EXPECT_GT(findings, 0U);
  InferModules(fixture.model);
  InferGraphs(fixture.model);
  EXPECT_EQ(fixture.model.modules.size(), modules);
  EXPECT_EQ(fixture.model.findings.size(), findings);
  EXPECT_EQ(fixture.model.graphs.size(), graphs);
}

TEST(InferModules, ReportsEachKindOfAssumptionOnce) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "net");
  for (int i = 0; i < 3; ++i) fixture.Add("c" + std::to_string(i) + ".weight", {2, 3, 3, 3});
  fixture.Add("odd.thing", {2});
  InferModules(fixture.model);
  auto found = fixture.FindingsOf("inferred-conv2d");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0]->severity, Severity::kInfo);
  EXPECT_EQ(found[0]->where, "net.c0");
  EXPECT_THAT(found[0]->text, HasSubstr("3 modules read as Conv2d"));
  ASSERT_THAT(fixture.FindingsOf("inferred-unknown"), SizeIs(1));
  EXPECT_EQ(fixture.FindingsOf("inferred-unknown")[0]->where, "net.odd");
}

TEST(InferModules, DoesNotReportWhatALayerAccountsFor) {
  ModelFixture fixture;
  fixture.Add("fc.weight", {100, 1}, DType::kUint8);
  fixture.Add("fc.weight.absmax", {4});
  fixture.Add("fc.weight.quant_map", {16});
  InferModules(fixture.model);
  EXPECT_EQ(fixture.ClassOf("fc"), "bitsandbytes.Linear4bit");
  EXPECT_THAT(fixture.FindingsOf("inferred-unknown"), IsEmpty());
}

TEST(InferModules, ReportsAPrefixAndRenamesNothing) {
  ModelFixture fixture;
  fixture.Add("_orig_mod.module.fc.weight", {2, 3});
  fixture.Add("_orig_mod.module.fc.bias", {2});
  InferModules(fixture.model);
  EXPECT_EQ(fixture.model.parts[0].prefix, "_orig_mod.module.");
  EXPECT_EQ(fixture.model.tensors[0].name, "_orig_mod.module.fc.weight");
  ASSERT_THAT(fixture.FindingsOf("prefix"), SizeIs(1));
  EXPECT_THAT(fixture.FindingsOf("prefix")[0]->text, HasSubstr("torch.compile, then DataParallel"));
}

TEST(InferModules, APrefixIsOneOnlyWhenAllNamesHaveIt) {
  ModelFixture fixture;
  fixture.Add("module.fc.weight", {2, 3});
  fixture.Add("head.weight", {2});
  InferModules(fixture.model);
  EXPECT_EQ(fixture.model.parts[0].prefix, "");
}

TEST(InferModules, TakesNamesOfTenThousandSteps) {
  ModelFixture fixture;
  std::string name;
  for (int i = 0; i < 10'000; ++i) name += "a.";
  fixture.Add(name + "weight", {2, 3});
  InferGraphs(fixture.model);
  EXPECT_THAT(fixture.model.modules, SizeIs(10'001));
  EXPECT_EQ(fixture.model.modules.back().class_name, "Linear");
}

TEST(InferModules, BoundsTheModulesThatDotsMake) {
  ModelFixture fixture;
  for (char first = 'a'; first < 'k'; ++first) {
    std::string name(1, first);
    for (int i = 0; i < 10'000; ++i) name += ".x";
    fixture.Add(name, {1});
  }
  InferModules(fixture.model);
  EXPECT_LT(fixture.model.modules.size(), 20'100U);
  EXPECT_THAT(fixture.FindingsOf("limit-modules"), SizeIs(1));
  size_t placed = 0;
  for (const Module& module : fixture.model.modules) placed += module.tensors.size();
  EXPECT_EQ(placed, 10U);
}

// A line a node: "name:op(weight=its name, input=the node that it comes from [class|pattern|shapes])".
std::vector<std::string> Lines(const Graph& graph) {
  std::vector<std::string> maker(graph.values.size());
  std::vector<std::string> lines;
  for (const Node& node : graph.nodes) {
    std::string all;
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) {
        all += (all.empty() ? "" : ", ") + argument.name + "=";
        all += maker[value].empty() ? graph.values[value].name : maker[value];
      }
      if (argument.evidence != kNone) {
        all += " " + std::string(EvidenceName(graph.evidence.at(argument.evidence).kind));
      }
    }
    lines.push_back(node.name + ":" + node.op + "(" + all + ")");
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) maker[value] = node.name;
    }
  }
  return lines;
}

TEST(InferGraphs, WithoutEvidenceThereIsNoEdge) {
  ModelFixture fixture;
  fixture.Add("wind.weight", {8, 3, 3, 3});
  fixture.Add("pos_embed", {1, 8});
  fixture.Add("rain.fc.weight", {8, 5});
  fixture.Add("rain.fc.bias", {8});
  fixture.Add("gamma", {8});
  InferGraphs(fixture.model);
  const std::vector<Graph>& graphs = fixture.model.graphs;
  ASSERT_THAT(fixture.model.graph_roots, ElementsAre(0));
  ASSERT_THAT(graphs, SizeIs(1));
  EXPECT_THAT(Lines(graphs[0]), ElementsAre("pos_embed:Parameter(value=pos_embed)", "gamma:Parameter(value=gamma)",
                                            "wind:Conv2d(weight=wind.weight)",
                                            "rain.fc:Linear(weight=rain.fc.weight, bias=rain.fc.bias)"));
  EXPECT_EQ(graphs[0].origin, Origin::kInferred);
  EXPECT_EQ(graphs[0].nodes[2].domain, "torch.nn");
  EXPECT_EQ(graphs[0].nodes[2].module, 1U);
  EXPECT_EQ(graphs[0].nodes[2].attributes.at(0).name, "in_channels");
  EXPECT_THAT(graphs[0].inputs, IsEmpty());
  EXPECT_THAT(graphs[0].outputs, IsEmpty());
  EXPECT_EQ(graphs[0].values[graphs[0].nodes[3].inputs[0].values[0]].tensor, 2U);
  EXPECT_THAT(fixture.FindingsOf("inferred-graph"), SizeIs(1));
}

TEST(InferGraphs, ALayerWithInnerModulesIsOneNode) {
  ModelFixture fixture;
  fixture.Add("attn.in_proj_weight", {24, 8});
  fixture.Add("attn.out_proj.weight", {8, 8});
  InferGraphs(fixture.model);
  ASSERT_THAT(fixture.model.graphs, SizeIs(1));
  EXPECT_THAT(Lines(fixture.model.graphs[0]),
              ElementsAre("attn:MultiheadAttention(input=input pattern, in_proj_weight=attn.in_proj_weight, "
                          "out_proj.weight=attn.out_proj.weight)"));
}

TEST(InferGraphs, ALayerAloneInItsFileIsOneNode) {
  ModelFixture fixture;
  fixture.Add("weight", {8, 4});
  fixture.Add("bias", {8});
  InferGraphs(fixture.model);
  EXPECT_THAT(Lines(fixture.model.graphs.at(0)), ElementsAre("Linear:Linear(weight=weight, bias=bias)"));
}

TEST(InferGraphs, OneTensorHasNothingToWire) {
  ModelFixture fixture;
  fixture.Add("", {8, 4});
  InferGraphs(fixture.model);
  EXPECT_THAT(fixture.model.graphs, SizeIs(1));
  EXPECT_THAT(fixture.FindingsOf("inferred-graph"), IsEmpty());
}

TEST(InferGraphs, NamesStayUniqueWhateverTheTensorsAreCalled) {
  ModelFixture fixture;
  fixture.Add("x0", {2});
  fixture.Add("a", {2});
  fixture.Add("a.weight", {2, 2});
  InferGraphs(fixture.model);
  EXPECT_THAT(Lines(fixture.model.graphs.at(0)), ElementsAre("x0:Parameter(value=x0')", "a:Parameter(value=a)",
                                                             "a':Linear(input=input pattern, weight=a.weight)"));
}

TEST(InferGraphs, UsesRecordedModulesAndKeepsRecordedGraphs) {
  ModelFixture fixture;
  Index weight = fixture.Add("0.weight", {2, 3});
  fixture.model.modules = {{.class_name = "torch.nn.modules.container.Sequential", .children = {1, 2}},
                           {.name = "0", .path = "0", .class_name = "torch.nn.modules.linear.Linear", .parent = 0},
                           {.name = "1", .path = "1", .class_name = "my.Swish", .parent = 0}};
  fixture.model.modules[1].tensors = {weight};
  fixture.model.parts[0].root = 0;
  InferGraphs(fixture.model);
  ASSERT_THAT(fixture.model.graphs, SizeIs(1));
  EXPECT_THAT(Lines(fixture.model.graphs[0]),
              ElementsAre("0:Linear(input=input class, weight=0.weight)", "1:Swish(input=0 class)"));
  EXPECT_EQ(fixture.model.graphs[0].nodes[0].domain, "torch.nn");
  EXPECT_EQ(fixture.model.graphs[0].nodes[1].domain, "my");

  fixture.model.graphs[0].origin = Origin::kRecorded;
  InferGraphs(fixture.model);
  EXPECT_THAT(fixture.model.graphs, SizeIs(1));
}

}  // namespace
}  // namespace pthview
