#include "lib/model/merge.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/model/tensor_data.h"

namespace pthview {
namespace {

// A model of one part with a tensor that has a component, a plain row, a module, a graph and a finding.
Model Small(std::string_view name, float value) {
  ModelBuilder builder;
  Model& model = builder.model();
  std::vector<std::byte> bytes(sizeof(float));
  std::memcpy(bytes.data(), &value, sizeof(float));
  Index storage = builder.AddMemoryStorage("record", std::move(bytes), DType::kFloat32, "cpu");
  model.parts.push_back({.kind = PartKind::kModel, .root = 0});
  std::vector<int64_t> shape = {1};
  TensorDraft draft{.shape = shape, .storage = storage, .dtype = DType::kFloat32};
  Tensor tensor = builder.Check(draft, name);
  tensor.path = tensor.name = builder.arena().Copy(name);
  tensor.part = 0;
  Component component{"scales", builder.AddComponent(tensor)};
  builder.Attach(tensor, {&component, 1});
  model.quantizations.push_back({.per_channel = true, .scales = 0});
  tensor.quantization = 0;
  builder.AddTensor(tensor);
  tensor.same_as = 0;
  builder.AddTensor(tensor);
  builder.AddPlain({.path = "epoch", .text = "3", .part = 0, .kind = PlainKind::kInt});
  Module root;
  root.children = {1};
  Module child;
  child.parent = 0;
  child.tensors = {0};
  model.modules = {root, child};
  Graph graph;
  graph.part = 0;
  graph.values = {{"w", "", 0}};
  Node node;
  node.module = 1;
  node.attributes = {TypedAttribute("w", {ListValue{{{TensorValue{0}}, {int64_t{5}}}, false}}),
                     TypedAttribute("body", {GraphReference{1}})};
  node.blocks = {1};
  graph.nodes = {node};
  graph.mutations = {{.value = 0, .tensor = 0}};
  model.graphs = {graph, Graph{.part = 0}};
  model.graph_roots = {0};
  builder.Note(Severity::kInfo, "odd", "fc", "odd");
  return std::move(builder).Finish();
}

float ValueOf(const Model& model, const Tensor& tensor) {
  auto bytes = ReadElements(model, tensor, 0, 1);
  EXPECT_TRUE(bytes);
  float value = 0;
  std::memcpy(&value, bytes->data(), sizeof(float));
  return value;
}

TEST(Merge, MovesEveryIndexAlong) {
  ModelBuilder builder;
  Merge(builder, Small("a", 1), {});
  Merge(builder, Small("b", 2), {});
  Model model = std::move(builder).Finish();
  ASSERT_EQ(model.tensors.size(), 4u);
  EXPECT_EQ(ValueOf(model, model.tensors[0]), 1);
  EXPECT_EQ(ValueOf(model, model.tensors[2]), 2);
  EXPECT_EQ(model.tensors[2].name, "b");
  EXPECT_EQ(model.tensors[2].part, 1u);
  EXPECT_EQ(model.tensors[3].same_as, 2u);
  EXPECT_EQ(model.tensors[2].quantization, 1u);
  EXPECT_EQ(model.quantizations[1].scales, 1u);
  ASSERT_EQ(model.ComponentsOf(model.tensors[2]).size(), 1u);
  EXPECT_EQ(ValueOf(model, model.components[model.ComponentsOf(model.tensors[2])[0].tensor]), 2);
  EXPECT_EQ(model.plain[1].part, 1u);
  EXPECT_EQ(model.parts[1].root, 2u);
  EXPECT_THAT(model.modules[2].children, testing::ElementsAre(3));
  EXPECT_EQ(model.modules[3].parent, 2u);
  EXPECT_THAT(model.modules[3].tensors, testing::ElementsAre(2));
  EXPECT_THAT(model.graph_roots, testing::ElementsAre(0, 2));
  EXPECT_EQ(model.graphs[2].part, 1u);
  EXPECT_EQ(model.graphs[2].values[0].tensor, 2u);
  EXPECT_EQ(model.graphs[2].mutations[0].tensor, 2u);
  const Node& node = model.graphs[2].nodes[0];
  EXPECT_EQ(node.module, 3u);
  EXPECT_EQ(node.attributes[0].value.Get<ListValue>()->items[0], AttributeValue{TensorValue{2}});
  EXPECT_EQ(node.attributes[1].value, AttributeValue{GraphReference{3}});
  EXPECT_EQ(model.findings.size(), 2u);
}

TEST(Merge, AStepStandsBeforeThePathsAndNotTheNames) {
  ModelBuilder builder;
  Merge(builder, Small("fc.weight", 1), {.step = "ema.pth"});
  Merge(builder, Small("fc.weight", 1), {.step = "a file.pth"});
  Model model = std::move(builder).Finish();
  EXPECT_EQ(model.tensors[0].path, "ema.pth.fc.weight");
  EXPECT_EQ(model.tensors[0].name, "fc.weight");
  EXPECT_EQ(model.parts[0].path, "ema.pth");
  EXPECT_EQ(model.plain[0].path, "ema.pth.epoch");
  EXPECT_EQ(model.tensors[2].path, "[\"a file.pth\"].fc.weight");
  EXPECT_EQ(model.findings[1].where, "[\"a file.pth\"].fc");
}

TEST(Merge, ShardsBecomeOnePart) {
  ModelBuilder builder;
  builder.model().parts.push_back({.kind = PartKind::kModel});
  Merge(builder, Small("a", 1), {.part = 0});
  Merge(builder, Small("b", 2), {.part = 0});
  Model model = std::move(builder).Finish();
  EXPECT_EQ(model.parts.size(), 1u);
  for (const Tensor& tensor : model.tensors) EXPECT_EQ(tensor.part, 0u);
}

}  // namespace
}  // namespace pthview
