// The table of patterns: each row on a module that has what it names, and on one that has a child more; then each kind
// of evidence on what it is for and on what nearly is.
#include "lib/analysis/structure/flow_pattern.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/analysis/structure/structure.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using testing::ModelFixture;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// Layers by short words: "c64,3" a convolution from 3 to 64, "l10,20" a Linear from 20 to 10, "e99,8" an embedding,
// "b64" a BatchNorm, "n8" a LayerNorm.
void AddLayer(ModelFixture& fixture, const std::string& name, std::string_view text) {
  auto number = [&](size_t at) {
    size_t comma = text.find(',');
    return std::stoll(std::string(at == 0 ? text.substr(1, comma - 1) : text.substr(comma + 1)));
  };
  switch (text[0]) {
    case 'c': fixture.Add(name + ".weight", {number(0), number(1), 3, 3}); break;
    case 'l':
      fixture.Add(name + ".bias", {number(0)});
      fixture.Add(name + ".weight", {number(0), number(1)});
      break;
    case 'e': fixture.Add(name + ".weight", {number(0), number(1)}); break;
    default:
      fixture.Add(name + ".bias", {number(0)});
      if (text[0] == 'b') fixture.Add(name + ".running_mean", {number(0)});
      if (text[0] == 'b') fixture.Add(name + ".running_var", {number(0)});
      fixture.Add(name + ".weight", {number(0)});
  }
}

struct Layer {
  const char* name;
  const char* text;
};

struct Flowing {
  std::vector<std::string> edges;     // "a > b"
  std::vector<std::string> evidence;  // "pattern: ..."
};

Flowing Edges(const std::vector<Layer>& layers) {
  ModelFixture fixture;
  for (const Layer& layer : layers) AddLayer(fixture, layer.name, layer.text);
  InferGraphs(fixture.model);
  Flowing flowing;
  const Graph& graph = fixture.model.graphs.at(0);
  std::vector<std::string> maker(graph.values.size());
  for (Index input : graph.inputs) maker[input] = "in";
  for (const Node& node : graph.nodes) {
    for (const Argument& argument : node.inputs) {
      if (argument.evidence == kNone) continue;
      const Evidence& evidence = graph.evidence.at(argument.evidence);
      for (Index value : argument.values) flowing.edges.push_back(maker[value] + " > " + node.name);
      flowing.evidence.push_back(std::string(EvidenceName(evidence.kind)) + ": " + evidence.text);
    }
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) maker[value] = node.name;
    }
  }
  return flowing;
}

// ---- Every row ----

// What a row's program names, every name once, as square layers.
std::vector<std::string> NamesOf(const FlowProgram& program) {
  std::vector<std::string> names;
  for (const FlowStep& step : program.steps) {
    if (step.kind != StepKind::kChild && step.kind != StepKind::kTap) continue;
    std::string name(step.names.at(0));
    if (step.numbered) name += '0';
    names.push_back(name);
  }
  return names;
}

Flowing EdgesOfRow(const FlowProgram& program, bool one_more) {
  ModelFixture fixture;
  std::vector<std::string> names = NamesOf(program);
  if (one_more) names.emplace_back("somethingelse");
  for (const std::string& name : names) {
    // A container that others name a child of comes with that child.
    bool holds = std::any_of(names.begin(), names.end(),
                             [&](const std::string& other) { return other.starts_with(name + "."); });
    if (!holds) AddLayer(fixture, "row." + name, name.find("norm") == std::string::npos ? "l8,8" : "n8");
  }
  AddLayer(fixture, "beside", "l5,7");  // so that the row is a part of something
  InferGraphs(fixture.model);
  Flowing flowing;
  for (const Graph& graph : fixture.model.graphs) {
    for (const Evidence& evidence : graph.evidence) flowing.evidence.push_back(evidence.text);
  }
  return flowing;
}

TEST(FlowPatterns, EveryRowFitsWhatItNamesAndNothingWithAChildMore) {
  std::set<std::string_view> earlier;
  for (const FlowProgram& program : FlowPrograms()) {
    std::string name(program.pattern->name);
    SCOPED_TRACE(name + ": " + std::string(program.pattern->program));
    earlier.insert(program.pattern->name);
    // What takes several joined is no square layer: such rows have cases of their own below.
    std::string_view text = program.pattern->program;
    bool joins = text.find("~cat > project") != text.npos || text.find("~cat > cv3") != text.npos ||
                 text.find("+ > ~cat") != text.npos;
    if (program.pattern->when == FlowWhen::kAlways && !joins) {
      // An earlier row may name the same: then that one is what is said.
      EXPECT_THAT(EdgesOfRow(program, false).evidence,
                  Contains(::testing::Truly([&](const std::string& text) { return earlier.contains(text); })));
    }
    EXPECT_THAT(EdgesOfRow(program, true).evidence, Not(Contains(name)));
  }
}

// Rows that ask for more than names: what fits, and what nearly does, by the row's name. The first of a name stands for
// all: they differ in names only.
struct Conditioned {
  const char* name;
  std::vector<Layer> fits;
  std::vector<Layer> nearly;
};

const std::vector<Conditioned>& ConditionedCases() {
  static const std::vector<Conditioned> cases = {
      {"residual block of pre-activations: norm1 before conv1, and before the shortcut",
       {{"b.bn1", "b8"}, {"b.conv1", "c16,8"}, {"b.bn2", "b16"}, {"b.conv2", "c16,16"}, {"b.shortcut", "c16,8"}},
       {{"b.conv1", "c16,8"}, {"b.bn1", "b16"}, {"b.bn2", "b16"}, {"b.conv2", "c16,16"}, {"b.shortcut", "c16,8"}}},
      {"residual bottleneck of pre-activations: norm1 before conv1, and before the shortcut",
       {{"b.bn1", "b8"},
        {"b.conv1", "c4,8"},
        {"b.bn2", "b4"},
        {"b.conv2", "c4,4"},
        {"b.bn3", "b4"},
        {"b.conv3", "c16,4"},
        {"b.shortcut", "c16,8"}},
       {{"b.conv1", "c4,8"},
        {"b.bn1", "b4"},
        {"b.conv2", "c4,4"},
        {"b.bn2", "b4"},
        {"b.conv3", "c16,4"},
        {"b.bn3", "b16"},
        {"b.shortcut", "c16,8"}}},
      {"residual block of pre-activations: norm1 before conv1",
       {{"b.norm1", "n8"}, {"b.conv1", "c8,8"}, {"b.norm2", "n8"}, {"b.conv2", "c8,8"}},
       {{"b.conv1", "c8,8"}, {"b.norm1", "n8"}, {"b.conv2", "c8,8"}, {"b.norm2", "n8"}}},
      {"residual bottleneck of pre-activations: norm1 before conv1",
       {{"b.norm1", "n8"},
        {"b.conv1", "c8,8"},
        {"b.norm2", "n8"},
        {"b.conv2", "c8,8"},
        {"b.norm3", "n8"},
        {"b.conv3", "c8,8"}},
       {{"b.conv1", "c8,8"},
        {"b.norm1", "n8"},
        {"b.conv2", "c8,8"},
        {"b.norm2", "n8"},
        {"b.conv3", "c8,8"},
        {"b.norm3", "n8"}}},
      {"residual block: two convolutions and, where there is one, a shortcut",
       {{"b.conv1", "c8,8"}, {"b.bn1", "b8"}, {"b.conv2", "c8,8"}, {"b.bn2", "b8"}},
       {{"b.bn1", "b8"}, {"b.conv1", "c8,8"}, {"b.bn2", "b8"}, {"b.conv2", "c8,8"}}},
      {"residual bottleneck: three convolutions and, where there is one, a shortcut",
       {{"b.conv1", "c8,8"},
        {"b.bn1", "b8"},
        {"b.conv2", "c8,8"},
        {"b.bn2", "b8"},
        {"b.conv3", "c8,8"},
        {"b.bn3", "b8"}},
       {{"b.bn1", "b8"},
        {"b.conv1", "c8,8"},
        {"b.bn2", "b8"},
        {"b.conv2", "c8,8"},
        {"b.bn3", "b8"},
        {"b.conv3", "c8,8"}}},
      {"residual block of transformers' ResNet",
       {{"b.layer.0", "c4,8"}, {"b.layer.1", "c8,4"}},
       {{"b.layer.0", "l4,8"}, {"b.layer.1", "l8,4"}}},
      {"squeeze and excitation: what the narrow branch makes scales the input",
       {{"b.fc1", "c2,8"}, {"b.fc2", "c8,2"}},
       {{"b.fc1", "c32,8"}, {"b.fc2", "c8,32"}}},
      {"squeeze and excitation: what the narrow branch makes scales the input",
       {{"b.fc.0", "l2,8"}, {"b.fc.2", "l8,2"}},
       {{"b.fc.0", "l2,8"}, {"b.fc.2", "l10,2"}}},
      {"channel attention of one convolution", {{"b.conv", "c1,1"}}, {{"b.conv", "c2,1"}}},
      {"inverted residual: widths agree, the input is added",
       {{"b.conv.0", "c32,8"}, {"b.conv.1", "c32,1"}, {"b.conv.2", "c8,32"}},
       {{"b.conv.0", "c32,8"}, {"b.conv.1", "c32,1"}, {"b.conv.2", "c9,32"}}},
      {"inverted residual of timm: widths agree, the input is added",
       {{"b.conv_pw", "c32,8"},
        {"b.bn1", "b32"},
        {"b.conv_dw", "c32,1"},
        {"b.bn2", "b32"},
        {"b.conv_pwl", "c8,32"},
        {"b.bn3", "b8"}},
       {{"b.conv_pw", "c32,8"},
        {"b.bn1", "b32"},
        {"b.conv_dw", "c32,1"},
        {"b.bn2", "b32"},
        {"b.conv_pwl", "c9,32"},
        {"b.bn3", "b9"}}},
      {"fused inverted residual of timm: widths agree, the input is added",
       {{"b.conv_exp", "c32,8"}, {"b.bn1", "b32"}, {"b.conv_pwl", "c8,32"}, {"b.bn2", "b8"}},
       {{"b.conv_exp", "c32,8"}, {"b.bn1", "b32"}, {"b.conv_pwl", "c9,32"}, {"b.bn2", "b9"}}},
      {"inverted residual: its list, and what projects the input beside it",
       {{"b.layers.pre_norm", "b8"},
        {"b.layers.conv_a", "c32,8"},
        {"b.layers.conv_b", "c32,1"},
        {"b.layers.conv_c", "c16,32"},
        {"b.layers.squeeze_excitation", "c32,32"},
        {"b.proj.1", "c16,8"}},
       {{"b.layers.0", "c32,8"}, {"b.layers.1", "c8,32"}}},
      {"ConvNeXt block",
       {{"b.block.0", "c8,1"}, {"b.block.2", "n8"}, {"b.block.3", "l32,8"}, {"b.block.5", "l8,32"}},
       {{"b.block.0", "c8,1"}, {"b.block.2", "n8"}, {"b.block.3", "l32,8"}, {"b.block.5", "l9,32"}}},
      {"dense layer",
       {{"b.norm1", "b8"}, {"b.conv1", "c16,8"}, {"b.norm2", "b16"}, {"b.conv2", "c4,16"}},
       {{"b.conv1", "c16,8"}, {"b.norm1", "b16"}, {"b.conv2", "c4,16"}, {"b.norm2", "b4"}}},
      {"normalization, then its convolution",
       {{"z", "c8,3"}, {"b.bn", "b8"}, {"b.conv", "c9,8"}},
       {{"b.conv", "c8,8"}, {"b.bn", "b8"}}},
      {"three convolutions in a row",
       {{"b.conv1.conv", "c4,8"},
        {"b.conv1.bn", "b4"},
        {"b.conv2.conv", "c4,4"},
        {"b.conv2.bn", "b4"},
        {"b.conv3.conv", "c9,4"},
        {"b.conv3.bn", "b9"}},
       {{"b.conv1", "c4,8"}, {"b.conv2", "c4,4"}, {"b.conv3", "c9,4"}}},
      {"bottleneck: two convolutions, to which the input may be added",
       {{"b.cv1.conv", "c8,8"}, {"b.cv1.bn", "b8"}, {"b.cv2.conv", "c8,8"}, {"b.cv2.bn", "b8"}},
       {{"b.cv1", "l8,8"}, {"b.cv2", "l8,8"}}},
      {"U-Net's step up: enlarged, joined with what the step down made",
       {{"b.up", "c8,8"}, {"b.conv", "c8,16"}},
       {{"b.up", "c8,8"}, {"b.conv", "c8,8"}}},
      {"two convolutions, each with its normalization",
       {{"b.conv1", "c16,8"}, {"b.bn1", "b16"}, {"b.conv2", "c9,16"}, {"b.bn2", "b9"}},
       {{"b.conv1", "c16,8"}, {"b.bn1", "b16"}, {"b.conv2", "c8,16"}, {"b.bn2", "b8"}}},
      {"attention: normalized, query, key and value in one, then the output projection",
       {{"b.norm", "n8"}, {"b.qkv", "l24,8"}, {"b.proj", "l8,8"}},
       {{"b.qkv", "l24,8"}, {"b.norm", "n8"}, {"b.proj", "l8,8"}}},
      {"attention: query, key and value in one, then a norm and the output projection",
       {{"b.qkv", "l24,8"}, {"b.norm", "n8"}, {"b.proj", "l8,8"}},
       {{"b.norm", "n8"}, {"b.qkv", "l24,8"}, {"b.proj", "l8,8"}}},
      {"gated feed forward: two halves in one, multiplied, down",
       {{"b.fc1", "l32,8"}, {"b.fc2", "l8,16"}},
       {{"b.fc1", "l32,8"}, {"b.fc2", "l8,32"}}},
      {"transformer block, norms before the branches",
       {{"b.norm1", "n8"},
        {"b.attn.qkv", "l24,8"},
        {"b.attn.proj", "l8,8"},
        {"b.norm2", "n8"},
        {"b.mlp.fc1", "l32,8"},
        {"b.mlp.fc2", "l8,32"}},
       {{"b.attn.qkv", "l24,8"},
        {"b.attn.proj", "l8,8"},
        {"b.norm1", "n8"},
        {"b.mlp.fc1", "l32,8"},
        {"b.mlp.fc2", "l8,32"},
        {"b.norm2", "n8"}}},
      {"transformer block of lists of two: each branch begins with its norm and is added",
       {{"b.0.norm", "n8"},
        {"b.0.to_qkv", "l24,8"},
        {"b.0.to_out", "l8,8"},
        {"b.1.net.0", "n8"},
        {"b.1.net.1", "l32,8"},
        {"b.1.net.4", "l8,32"}},
       {{"b.0.to_qkv", "l24,8"},
        {"b.0.to_out", "l8,8"},
        {"b.1.net.0", "n8"},
        {"b.1.net.1", "l32,8"},
        {"b.1.net.4", "l8,32"}}},
      {"a residual around what it calls",
       {{"b.fn.0", "c4,8"}, {"b.fn.1", "c8,4"}},
       {{"b.fn.0", "c4,8"}, {"b.fn.1", "c9,4"}}},
      {"SPPF: a convolution, poolings, a convolution",
       {{"b.cv1", "c4,8"}, {"b.cv2", "c8,16"}},
       {{"b.cv1", "c4,8"}, {"b.cv2", "c8,12"}}},
      {"encoder block, norms before the branches",
       {{"m.layers.0.self_attn_layer_norm", "n8"},
        {"m.layers.0.self_attn.q_proj", "l8,8"},
        {"m.layers.0.self_attn.k_proj", "l8,8"},
        {"m.layers.0.self_attn.v_proj", "l8,8"},
        {"m.layers.0.self_attn.out_proj", "l8,8"},
        {"m.layers.0.fc1", "l16,8"},
        {"m.layers.0.fc2", "l8,16"},
        {"m.layers.0.final_layer_norm", "n8"},
        {"m.layer_norm", "n8"}},
       {{"m.layers.0.self_attn_layer_norm", "n8"},
        {"m.layers.0.self_attn.q_proj", "l8,8"},
        {"m.layers.0.self_attn.k_proj", "l8,8"},
        {"m.layers.0.self_attn.v_proj", "l8,8"},
        {"m.layers.0.self_attn.out_proj", "l8,8"},
        {"m.layers.0.fc1", "l16,8"},
        {"m.layers.0.fc2", "l8,16"},
        {"m.layers.0.final_layer_norm", "n8"}}},
      {"decoder block, norms before the branches",
       {{"m.layers.0.self_attn_layer_norm", "n8"},
        {"m.layers.0.self_attn.q_proj", "l8,8"},
        {"m.layers.0.self_attn.k_proj", "l8,8"},
        {"m.layers.0.self_attn.v_proj", "l8,8"},
        {"m.layers.0.self_attn.out_proj", "l8,8"},
        {"m.layers.0.encoder_attn_layer_norm", "n8"},
        {"m.layers.0.encoder_attn.q_proj", "l8,8"},
        {"m.layers.0.encoder_attn.k_proj", "l8,8"},
        {"m.layers.0.encoder_attn.v_proj", "l8,8"},
        {"m.layers.0.encoder_attn.out_proj", "l8,8"},
        {"m.layers.0.fc1", "l16,8"},
        {"m.layers.0.fc2", "l8,16"},
        {"m.layers.0.final_layer_norm", "n8"},
        {"m.layer_norm", "n8"}},
       {{"m.layers.0.self_attn_layer_norm", "n8"},
        {"m.layers.0.self_attn.q_proj", "l8,8"},
        {"m.layers.0.self_attn.k_proj", "l8,8"},
        {"m.layers.0.self_attn.v_proj", "l8,8"},
        {"m.layers.0.self_attn.out_proj", "l8,8"},
        {"m.layers.0.encoder_attn_layer_norm", "n8"},
        {"m.layers.0.encoder_attn.q_proj", "l8,8"},
        {"m.layers.0.encoder_attn.k_proj", "l8,8"},
        {"m.layers.0.encoder_attn.v_proj", "l8,8"},
        {"m.layers.0.encoder_attn.out_proj", "l8,8"},
        {"m.layers.0.fc1", "l16,8"},
        {"m.layers.0.fc2", "l8,16"},
        {"m.layers.0.final_layer_norm", "n8"}}},
  };
  return cases;
}

TEST(FlowPatterns, EveryRowThatAsksForMoreThanNamesHasACaseAndANearMiss) {
  for (const FlowProgram& program : FlowPrograms()) {
    // What hands through one module says nothing of an edge.
    if (program.pattern->when == FlowWhen::kAlways || program.links.size() == 2) continue;
    EXPECT_TRUE(std::any_of(ConditionedCases().begin(), ConditionedCases().end(),
                            [&](const Conditioned& row) { return row.name == program.pattern->name; }))
        << "no case: " << program.pattern->name;
  }
  for (const Conditioned& row : ConditionedCases()) {
    SCOPED_TRACE(row.name);
    EXPECT_THAT(Edges(row.fits).evidence, Contains(HasSubstr(row.name)));
    EXPECT_THAT(Edges(row.nearly).evidence, Not(Contains(::testing::EndsWith(std::string("pattern: ") + row.name))));
  }
}

TEST(FlowPatterns, EveryProgramRunsFromItsStartToItsEnd) {
  for (const FlowProgram& program : FlowPrograms()) {
    SCOPED_TRACE(program.pattern->program);
    EXPECT_FALSE(program.pattern->name.empty());
    size_t outs = 0;
    std::vector<std::vector<size_t>> next(program.steps.size());
    for (const FlowLink& link : program.links) {
      outs += link.to == kOutStep ? 1 : 0;
      EXPECT_NE(link.from, kOutStep);
      EXPECT_GE(link.to, kOutStep);
      next[link.from].push_back(link.to);
    }
    EXPECT_LE(outs, 1U);
    // No step is before itself.
    std::vector<size_t> waits(program.steps.size());
    for (const FlowLink& link : program.links) ++waits[link.to];
    std::vector<size_t> ready;
    for (size_t i = 0; i < waits.size(); ++i) {
      if (waits[i] == 0) ready.push_back(i);
    }
    size_t done = 0;
    while (!ready.empty()) {
      size_t at = ready.back();
      ready.pop_back();
      ++done;
      for (size_t to : next[at]) {
        if (--waits[to] == 0) ready.push_back(to);
      }
    }
    EXPECT_EQ(done, program.steps.size());
  }
}

// ---- Residual blocks ----

TEST(InferFlow, AResidualBlockAddsItsInput) {
  Flowing flow = Edges({{"b.conv1", "c8,8"}, {"b.bn1", "b8"}, {"b.conv2", "c8,8"}, {"b.bn2", "b8"}});
  EXPECT_THAT(flow.edges, UnorderedElementsAre("in > b.conv1", "b.conv1 > b.bn1", "b.bn1 > b.conv2", "b.conv2 > b.bn2",
                                               "b.bn2 > b.~add", "in > b.~add"));
  EXPECT_THAT(flow.evidence, Contains(HasSubstr("pattern: residual block: two convolutions")));
}

TEST(InferFlow, ADownsampleStandsBesideTheBranch) {
  Flowing flow = Edges({{"b.conv1", "c16,8"},
                        {"b.bn1", "b16"},
                        {"b.conv2", "c16,16"},
                        {"b.bn2", "b16"},
                        {"b.downsample.0", "c16,8"},
                        {"b.downsample.1", "b16"}});
  EXPECT_THAT(flow.edges,
              AllOf(Contains("in > b.downsample.0"), Contains("b.downsample.1 > b.~add"), Contains("b.bn2 > b.~add"),
                    Not(Contains("b.bn2 > b.downsample.0")), Not(Contains("in > b.~add"))));
}

TEST(InferFlow, WhatWidthsContradictIsNotDrawn) {
  Flowing narrower = Edges({{"b.conv1", "c16,8"},
                            {"b.bn1", "b16"},
                            {"b.conv2", "c16,16"},
                            {"b.bn2", "b16"},
                            {"b.downsample.0", "c32,8"},
                            {"b.downsample.1", "b32"}});
  EXPECT_THAT(narrower.edges, Not(Contains(HasSubstr("~add"))));
  EXPECT_THAT(Edges({{"b.conv1", "c16,8"}, {"b.bn1", "b16"}, {"b.conv2", "c16,20"}, {"b.bn2", "b16"}}).edges,
              Not(Contains("b.bn1 > b.conv2")));
}

TEST(InferFlow, NormsBeforeConvolutionsAreReadOffTheOrder) {
  Flowing flow = Edges({{"b.norm1", "n8"}, {"b.conv1", "c8,8"}, {"b.norm2", "n8"}, {"b.conv2", "c8,8"}});
  EXPECT_THAT(flow.edges, IsSupersetOf({"b.norm1 > b.conv1", "b.conv1 > b.norm2", "b.norm2 > b.conv2"}));
  // Sorted by name, and of one width: nothing tells which comes first.
  EXPECT_THAT(Edges({{"b.conv1", "c8,8"}, {"b.conv2", "c8,8"}, {"b.norm1", "n8"}, {"b.norm2", "n8"}}).edges,
              Not(Contains(HasSubstr("norm1"))));
}

// ---- Attention, feed forward, transformer blocks ----

TEST(InferFlow, QueryKeyAndValueStandSideBySide) {
  Flowing flow = Edges({{"a.q_proj", "l8,8"}, {"a.k_proj", "l8,8"}, {"a.v_proj", "l8,8"}, {"a.out_proj", "l8,8"}});
  EXPECT_THAT(flow.edges,
              UnorderedElementsAre("in > a.q_proj", "in > a.k_proj", "in > a.v_proj", "a.q_proj > a.~attention",
                                   "a.k_proj > a.~attention", "a.v_proj > a.~attention", "a.~attention > a.out_proj"));
  EXPECT_THAT(Edges({{"a.q_proj", "l8,8"}, {"a.k_proj", "l8,8"}, {"a.out_proj", "l8,8"}}).edges, IsEmpty());
}

TEST(InferFlow, GateAndUpStandSideBySide) {
  EXPECT_THAT(Edges({{"m.gate_proj", "l16,8"}, {"m.up_proj", "l16,8"}, {"m.down_proj", "l8,16"}}).edges,
              UnorderedElementsAre("in > m.gate_proj", "in > m.up_proj", "m.gate_proj > m.~mul", "m.up_proj > m.~mul",
                                   "m.~mul > m.down_proj"));
  EXPECT_THAT(Edges({{"m.gate_proj", "l16,8"}, {"m.up_proj", "l24,8"}, {"m.down_proj", "l8,16"}}).edges, IsEmpty());
}

TEST(InferFlow, ANarrowConvolutionScalesAndAWideOneDoesNot) {
  EXPECT_THAT(Edges({{"se.fc1", "c2,8"}, {"se.fc2", "c8,2"}}).edges,
              UnorderedElementsAre("in > se.fc1", "se.fc1 > se.fc2", "se.fc2 > se.~mul", "in > se.~mul"));
  EXPECT_THAT(Edges({{"se.fc1", "c32,8"}, {"se.fc2", "c8,32"}}).edges,
              UnorderedElementsAre("in > se.fc1", "se.fc1 > se.fc2"));
}

TEST(InferFlow, ALoraPairStandsBesideItsBaseLayer) {
  EXPECT_THAT(Edges({{"q.base_layer", "l8,8"}, {"q.lora_A.default", "l2,8"}, {"q.lora_B.default", "l8,2"}}).edges,
              UnorderedElementsAre("in > q.base_layer", "in > q.lora_A.default", "q.lora_A.default > q.lora_B.default",
                                   "q.lora_B.default > q.~add", "q.base_layer > q.~add"));
}

// ---- What is joined ----

TEST(InferFlow, ABranchAndOneAroundItAreJoined) {
  Flowing flow = Edges({{"b.cv1", "l4,8"}, {"b.cv2", "l4,8"}, {"b.cv3", "l8,8"}, {"b.m.0", "l4,4"}});
  EXPECT_THAT(flow.edges, UnorderedElementsAre("in > b.cv1", "b.cv1 > b.m.0", "in > b.cv2", "b.m.0 > b.~cat",
                                               "b.cv2 > b.~cat", "b.~cat > b.cv3"));
  EXPECT_THAT(Edges({{"b.cv1", "l4,8"}, {"b.cv2", "l4,8"}, {"b.cv3", "l8,9"}, {"b.m.0", "l4,4"}}).edges,
              Not(Contains(HasSubstr("~cat"))));
}

TEST(InferFlow, AnAtrousPyramidIsJoinedBeforeItsProjection) {
  EXPECT_THAT(Edges({{"p.convs.0", "l4,8"},
                     {"p.convs.1", "l4,8"},
                     {"p.convs.2", "l4,8"},
                     {"p.convs.3", "l4,8"},
                     {"p.convs.4", "l4,8"},
                     {"p.project", "l4,20"}})
                  .edges,
              AllOf(Contains("in > p.convs.3"), Contains("p.convs.4 > p.~cat"), Contains("p.~cat > p.project")));
}

TEST(InferFlow, DenseLayersTakeAllBeforeThem) {
  Flowing flow = Edges({{"d.layer1", "c4,8"}, {"d.layer2", "c4,12"}, {"d.layer3", "c4,16"}});
  EXPECT_THAT(flow.edges, IsSupersetOf({"in > d.layer1", "in > d.~cat", "d.layer1 > d.~cat", "d.~cat > d.layer2"}));
  EXPECT_THAT(flow.evidence, Contains(HasSubstr("shapes: dense block")));
  EXPECT_THAT(Edges({{"d.layer1", "c4,8"}, {"d.layer2", "c4,13"}, {"d.layer3", "c4,17"}}).edges, IsEmpty());
}

TEST(InferFlow, AUNetJoinsByItsChannels) {
  std::vector<Layer> layers = {{"inc", "c8,3"},   {"down1", "c16,8"}, {"down2", "c32,16"},
                               {"up1", "c16,48"}, {"up2", "c8,24"},   {"outc", "c2,8"}};
  Flowing flow = Edges(layers);
  EXPECT_THAT(flow.edges,
              AllOf(Contains("down1 > ~cat"), Contains("down2 > ~cat"), Contains("~cat > up1"), Contains("inc > ~cat'"),
                    Contains("up1 > ~cat'"), Contains("~cat' > up2"), Contains("up2 > outc")));
  layers[3].text = "c16,47";  // nothing before has made what it takes more
  EXPECT_THAT(Edges(layers).edges, IsEmpty());
}

// ---- Layers by name, heads, branches ----

TEST(InferFlow, LayersAreCalledInTheOrderOfTheirNumbersWithTheirNorms) {
  Flowing flow = Edges(
      {{"conv1", "c8,3"}, {"conv2", "c16,8"}, {"fc1", "l32,64"}, {"fc2", "l4,32"}, {"bn1", "b8"}, {"bn2", "b16"}});
  EXPECT_THAT(flow.edges, UnorderedElementsAre("in > conv1", "conv1 > bn1", "bn1 > conv2", "conv2 > bn2", "bn2 > fc1",
                                               "fc1 > fc2"));
  EXPECT_THAT(flow.evidence, Each(HasSubstr("shapes: layers in the order of their names")));
  // A norm as wide as none of them, and sizes that do not chain.
  EXPECT_THAT(Edges({{"conv1", "c8,3"}, {"conv2", "c16,8"}, {"bn1", "b8"}, {"bn2", "b12"}}).edges, IsEmpty());
  EXPECT_THAT(Edges({{"l1", "l64,12"}, {"l2", "l1,64"}, {"l3", "l64,12"}, {"l4", "l1,64"}}).edges, IsEmpty());
}

TEST(InferFlow, HeadsStandSideBySideOnTheirTrunk) {
  EXPECT_THAT(Edges({{"fc1", "l64,8"}, {"fc2", "l64,64"}, {"actor", "l4,64"}, {"critic", "l1,64"}}).edges,
              UnorderedElementsAre("in > fc1", "fc1 > fc2", "fc2 > actor", "fc2 > critic"));
  EXPECT_THAT(Edges({{"actor.0", "l16,8"}, {"actor.2", "l8,16"}, {"critic.0", "l16,8"}, {"critic.2", "l1,16"}}).edges,
              Not(Contains(HasSubstr("> critic"))));
}

TEST(InferFlow, BranchesOfOneWidthInAreJoined) {
  std::vector<Layer> layers = {{"b.branch0", "c16,32"}, {"b.branch1", "c8,32"}, {"b.conv", "c32,24"}};
  EXPECT_THAT(Edges(layers).edges,
              UnorderedElementsAre("in > b.branch0", "in > b.branch1", "b.branch0 > b.~cat", "b.branch1 > b.~cat",
                                   "b.~cat > b.conv", "b.conv > b.~add", "in > b.~add"));
  layers[2].text = "c32,25";  // takes more than they make
  EXPECT_THAT(Edges(layers).edges, Not(Contains(HasSubstr("~cat"))));
}

TEST(InferFlow, WhatFollowsABlockThatMayAddIsNotDrawn) {
  std::vector<Layer> layers = {{"fc_in", "l32,10"},        {"blocks.0.fc1", "l64,32"}, {"blocks.0.fc2", "l32,64"},
                               {"blocks.1.fc1", "l64,32"}, {"blocks.1.fc2", "l32,64"}, {"fc_out", "l2,32"}};
  Flowing flow = Edges(layers);
  EXPECT_THAT(flow.edges, Contains("blocks.0.fc1 > blocks.0.fc2"));
  EXPECT_THAT(flow.edges, Not(Contains(HasSubstr("blocks.0.fc2 >"))));
  EXPECT_THAT(flow.edges, Not(Contains(HasSubstr("> fc_out"))));
}

TEST(InferFlow, AUNetInASortedFileIsOrderedByItsSides) {
  std::vector<Layer> layers = {{"bottleneck", "c32,16"}, {"dec1", "c8,16"}, {"dec2", "c16,32"}, {"enc1", "c8,3"},
                               {"enc2", "c16,8"},        {"out", "c2,8"},   {"up1", "c8,16"},   {"up2", "c32,16"}};
  Flowing flow = Edges(layers);
  EXPECT_THAT(flow.edges, IsSupersetOf({"in > enc1", "enc1 > enc2", "enc2 > bottleneck"}));
  layers[0].name = "whatever";
  EXPECT_THAT(Edges(layers).edges, Not(Contains(HasSubstr("~cat"))));
}

TEST(InferFlow, NamesWithSignsInThemAreReadAsOthers) {
  ModelFixture fixture;
  fixture.Add(R"(["b-0.0.weight"])", {8, 3, 3, 3});
  for (const char* name : {"weight", "bias", "running_mean", "running_var"})
    fixture.Add(std::string("[\"b-0.1.") + name + "\"]", {8});
  InferGraphs(fixture.model);
  EXPECT_THAT(fixture.model.graphs.at(0).evidence, Not(IsEmpty()));
}

// ---- Numbered siblings ----

TEST(InferFlow, NumberedLayersWhoseSizesChain) {
  Flowing flow = Edges({{"0", "l20,30"}, {"2", "l10,20"}, {"10", "l5,10"}});
  EXPECT_THAT(flow.edges, UnorderedElementsAre("in > 0", "0 > 2", "2 > 10"));
  EXPECT_THAT(flow.evidence, Each(HasSubstr("shapes: ")));
}

TEST(InferFlow, NumberedLayersThatMayStandSideBySideAreNotJoined) {
  EXPECT_THAT(Edges({{"things.0", "l8,8"}, {"things.1", "l8,8"}, {"things.2", "l8,8"}}).edges, IsEmpty());
  EXPECT_THAT(
      Edges({{"experts.0.0", "l8,8"}, {"experts.0.2", "l8,8"}, {"experts.1.0", "l8,8"}, {"experts.1.2", "l8,8"}}).edges,
      Not(Contains("experts.0.2 > experts.1.0")));
  EXPECT_THAT(Edges({{"0", "l20,30"}, {"1", "l20,30"}}).edges, IsEmpty());
}

TEST(InferFlow, ListsThatAreCalledInTurnsAreNotJoinedEachForItself) {
  Flowing flow = Edges({{"x.resnets.0.norm1", "n8"},
                        {"x.resnets.0.conv1", "c8,8"},
                        {"x.resnets.0.norm2", "n8"},
                        {"x.resnets.0.conv2", "c8,8"},
                        {"x.resnets.1.norm1", "n8"},
                        {"x.resnets.1.conv1", "c8,8"},
                        {"x.resnets.1.norm2", "n8"},
                        {"x.resnets.1.conv2", "c8,8"},
                        {"x.others.0", "l8,4"},
                        {"x.others.1", "l4,8"}});
  EXPECT_THAT(flow.edges, Contains("x.resnets.0.norm1 > x.resnets.0.conv1"));
  EXPECT_THAT(flow.edges, Not(Contains(HasSubstr("> x.resnets.1.norm1"))));
}

// ---- Bad input ----

TEST(InferFlow, ManySiblingsAndDeepNestsTakeLinearTime) {
  ModelFixture fixture;
  for (int i = 0; i < 100'000; ++i) fixture.Add("layers." + std::to_string(i) + ".weight", {4, 4});
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "block.";
  fixture.Add(deep + "weight", {4, 4});
  InferGraphs(fixture.model);
  EXPECT_GE(fixture.model.graphs.at(0).nodes.size(), 100'001U);
}

TEST(InferFlow, NamesThatImitatePatternsInTheWrongPlaceJoinNothing) {
  EXPECT_THAT(Edges({{"~add.weight", "l8,8"}, {"in", "l8,8"}, {"out", "l8,8"}, {"mem", "l8,8"}}).edges, IsEmpty());
}

}  // namespace
}  // namespace pthview
