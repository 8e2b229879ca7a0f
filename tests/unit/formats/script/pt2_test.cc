#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/graph_lines.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kMeta = R"({"dtype": 7, "sizes": [{"as_int": 2}], "requires_grad": true, "device":
    {"type": "cuda", "index": 1}, "strides": [{"as_int": 1}], "storage_offset": {"as_int": 1}, "layout": 7})";

std::string Table(const std::vector<std::pair<std::string, std::string>>& rows, bool is_param) {
  std::string text = R"({"config": {)";
  for (const auto& [name, path] : rows) {
    text += (text.ends_with('{') ? "\"" : ", \"") + name + R"(": {"path_name": ")" + path + R"(", "is_param": )" +
            (is_param ? "true" : "false") + R"(, "use_pickle": false, "tensor_meta": )" + std::string(kMeta) + "}";
  }
  return text + "}}";
}

// Nodes and signature of a program over the weights `net.w`, `net.b` and `net.c`.
std::string Program(std::string_view nodes, std::string_view outputs = R"({"as_tensor": {"name": "y"}})") {
  return R"({"torch_version": "2.9.1", "schema_version": {"major": 8, "minor": 2}, "opset_version": {"aten": 10},
  "graph_module": {"graph": {"inputs": [{"as_tensor": {"name": "p_w"}}, {"as_tensor": {"name": "b_b"}},
      {"as_tensor": {"name": "x"}}], "outputs": [)" +
         std::string(outputs) + R"(], "nodes": [)" + std::string(nodes) + R"(],
      "tensor_values": {"x": {"dtype": 7, "sizes": [{"as_int": 2}, {"as_expr": {"expr_str": "s0", "hint": null}}]},
                        "y": {"dtype": 5, "sizes": []}}},
    "signature": {"input_specs": [{"parameter": {"arg": {"name": "p_w"}, "parameter_name": "net.w"}},
      {"buffer": {"arg": {"name": "b_b"}, "buffer_name": "net.b", "persistent": false}},
      {"user_input": {"arg": {"as_tensor": {"name": "x"}}}}]}}})";
}

constexpr std::string_view kLinear = R"({"target": "torch.ops.aten.linear.default", "name": "y", "inputs": [
    {"name": "input", "arg": {"as_tensor": {"name": "x"}}}, {"name": "weight", "arg": {"as_tensor": {"name": "p_w"}}},
    {"name": "bias", "arg": {"as_optional_tensors": [{"as_tensor": {"name": "b_b"}}, {"as_none": true}]}},
    {"name": "sizes", "arg": {"as_ints": [1, -2]}}, {"name": "dtype", "arg": {"as_scalar_type": 13}},
    {"name": "alpha", "arg": {"as_float": 2.0}}, {"name": "view", "arg": {"as_sym_ints": [{"as_int": 2}, {"as_name": "n"}]}}],
    "outputs": [{"as_tensor": {"name": "y"}}],
    "metadata": {"nn_module_stack": "L__self__,,m.Top;L__self___net,net,torch.nn.Linear",
      "stack_trace": "  File \"/a.py\", line 3, in f\n    x\n  File \"/b.py\", line 97, in forward\n    y\n"}})";

using Records = std::vector<std::pair<std::string, std::string>>;

std::string Floats(std::initializer_list<float> values) {
  std::string bytes;
  for (float value : values) bytes += code::Little(value);
  return bytes;
}

std::string Archive(const std::string& program, const Records& more = {}) {
  ZipBuilder zip;
  auto add = [&](std::string name, std::string data) {
    zip.Add({.name = "m/" + name, .data = std::move(data), .torch = true});
  };
  add("data/weights/weight_0", Floats({0, 1, 2}));
  add("data/weights/model_weights_config.json", Table({{"net.w", "weight_0"}, {"net.tied", "weight_0"}}, true));
  add("data/constants/tensor_0", Floats({0, 3, 4}));
  add("data/constants/model_constants_config.json", Table({{"net.b", "tensor_0"}, {"net.c", "tensor_0"}}, false));
  add("models/model.json", program);
  add("archive_format", "pt2");
  for (const auto& [name, data] : more) add(name, data);
  return zip.Finish();
}

TEST(Pt2, TablesNameTheWeights) {
  auto model = OpenBytes(Archive(Program(kLinear)));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "pt2");
  EXPECT_EQ(model->producer, "torch 2.9.1");
  EXPECT_EQ(Describe(*model, "net.w"), "float32[2] 1.0 2.0");
  const Tensor& weight = *FindTensor(*model, "net.w");
  EXPECT_EQ(weight.kind, TensorKind::kParameter);
  EXPECT_EQ(weight.device, "cuda:1");
  EXPECT_EQ(weight.requires_grad, true);
  EXPECT_EQ(weight.storage, FindTensor(*model, "net.tied")->storage);
  // The signature knows better than the table of constants.
  EXPECT_EQ(FindTensor(*model, "net.b")->kind, TensorKind::kBuffer);
  EXPECT_FALSE(FindTensor(*model, "net.b")->persistent);
  EXPECT_EQ(FindTensor(*model, "net.c")->kind, TensorKind::kConstant);
  EXPECT_EQ(PlainText(*model), "torch_version=2.9.1\nschema_version=8.2\nopset_version.aten=10\n");
}

TEST(Pt2, TheGraphIsRecorded) {
  auto model = OpenBytes(Archive(Program(kLinear)));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_THAT(model->graph_roots, ElementsAre(0));
  const Graph& graph = model->graphs[0];
  EXPECT_EQ(graph.origin, Origin::kRecorded);
  ASSERT_EQ(graph.nodes.size(), 1u);
  const Node& node = graph.nodes[0];
  EXPECT_EQ(node.domain + "/" + node.op + "/" + node.overload, "aten/linear/default");
  EXPECT_EQ(node.location, "/b.py:97");
  EXPECT_EQ(model->modules[node.module].path, "net");
  EXPECT_EQ(model->modules[node.module].class_name, "torch.nn.Linear");
  auto value = [&](size_t input, size_t i) { return graph.values[node.inputs.at(input).values.at(i)]; };
  EXPECT_EQ(value(0, 0).type, "float32[2, s0]");
  EXPECT_EQ(model->tensors[value(1, 0).tensor].name, "net.w");
  EXPECT_EQ(value(2, 1).name, "");
  EXPECT_EQ(value(3, 0).name, "n");
  std::vector<std::string> attributes;
  for (const Attribute& a : node.attributes) attributes.push_back(a.name + "=" + a.text);
  EXPECT_THAT(attributes, ElementsAre("sizes=[1, -2]", "dtype=torch.bfloat16", "alpha=2.0", "view=[2, n]"));
  ASSERT_EQ(graph.inputs.size(), 1u);  // weights are no inputs
  EXPECT_EQ(graph.values[graph.inputs[0]].name, "x");
  EXPECT_EQ(graph.values[graph.outputs.at(0)].type, "int64[]");
  EXPECT_EQ(graph.outputs[0], node.outputs.at(0).values.at(0));
}

TEST(Pt2, ArgumentsAndValuesAreTyped) {
  auto model = OpenBytes(Archive(Program(kLinear)));
  ASSERT_TRUE(model) << model.error().message;
  const Graph& graph = model->graphs.at(0);
  const Node& node = graph.nodes.at(0);
  EXPECT_EQ(node.source, "y");
  ASSERT_EQ(node.attributes.size(), 4u);
  EXPECT_EQ(node.attributes[0].value.Ints(), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(node.attributes[0].position, 3u);
  EXPECT_EQ(node.attributes[1].value, AttributeValue{DType::kBFloat16});
  EXPECT_EQ(node.attributes[2].value, AttributeValue{2.0});
  // A list of a number and a value: both, in their order, and the value as an input too.
  const auto* view = node.attributes[3].value.Get<ListValue>();
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->items.at(0), AttributeValue{int64_t{2}});
  EXPECT_EQ(view->items.at(1), AttributeValue{ValueReference{node.inputs.at(3).values.at(0)}});
  EXPECT_EQ(node.inputs[3].position, 6u);
  EXPECT_EQ(node.inputs[2].position, 2u);
  const ValueType& x = graph.values[graph.inputs.at(0)].value_type;
  EXPECT_EQ(x.dtype, DType::kFloat32);
  EXPECT_EQ(x.dims, (std::vector<Dim>{{2, ""}, {-1, "s0"}}));
}

TEST(Pt2, WhatIsWrittenBackIsNoOutput) {
  std::string program = Program(kLinear, R"({"as_tensor": {"name": "y"}}, {"as_tensor": {"name": "x"}})");
  const std::string end = "]}}}";
  ASSERT_TRUE(program.ends_with(end));
  program.replace(program.size() - end.size(), end.size(), R"(], "output_specs": [
      {"buffer_mutation": {"arg": {"name": "y"}, "buffer_name": "net.b"}},
      {"user_output": {"arg": {"as_tensor": {"name": "x"}}}}]}},
      "range_constraints": {"s0": {"min_val": 2, "max_val": 9223372036854775806}}})");
  auto model = OpenBytes(Archive(program));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->graphs.size(), 1u);
  const Graph& graph = model->graphs[0];
  ASSERT_EQ(graph.outputs.size(), 1u);
  EXPECT_EQ(graph.values[graph.outputs[0]].name, "x");
  ASSERT_EQ(graph.mutations.size(), 1u);
  EXPECT_EQ(graph.values[graph.mutations[0].value].name, "y");
  EXPECT_EQ(model->tensors[graph.mutations[0].tensor].name, "net.b");
  ASSERT_EQ(graph.symbols.size(), 1u);
  EXPECT_EQ(graph.symbols[0].low, 2);
  EXPECT_EQ(graph.symbols[0].high, std::nullopt);
}

TEST(Pt2, CallsOfOneModuleAreCounted) {
  auto node = [](std::string_view name, std::string_view path) {
    return R"({"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": [{"as_tensor": {"name": ")" +
           std::string(name) + R"("}}], "metadata": {"nn_module_stack": "k,,m.Top;j,)" + std::string(path) +
           R"(,torch.nn.ReLU", "stack_trace": "  File \"/me/net.py\", line 5, in forward\n    x = self.act(x)\n)" +
           R"(  File \"/v/site-packages/torch/nn/modules/activation.py\", line 1, in forward\n    return 1\n"}})";
  };
  auto model = OpenBytes(Archive(Program(node("y", "act") + "," + node("z", "act@1"))));
  ASSERT_TRUE(model) << model.error().message;
  const std::vector<Node>& nodes = model->graphs.at(0).nodes;
  EXPECT_EQ(nodes.at(0).call, 0u);
  EXPECT_EQ(nodes.at(1).call, 1u);
  EXPECT_EQ(nodes[0].module, nodes[1].module);
  // The model's own line, not that of torch's layer.
  EXPECT_EQ(nodes[0].location, "/me/net.py:5");
  EXPECT_EQ(nodes[0].source, "x = self.act(x)");
}

TEST(Pt2, ModulesHoldTheirTensors) {
  auto model = OpenBytes(Archive(Program(kLinear)));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->modules.size(), 2u);
  EXPECT_EQ(model->modules[0].class_name, "m.Top");
  EXPECT_THAT(model->modules[0].children, ElementsAre(1));
  EXPECT_EQ(model->modules[1].tensors.size(), 4u);
}

TEST(Pt2, GraphsInsideNodesAreBlocks) {
  std::string cond = R"({"target": "torch.ops.higher_order.cond", "inputs": [{"name": "true_fn", "arg": {"as_graph":
      {"name": "then", "graph": {"inputs": [{"as_tensor": {"name": "x"}}], "outputs": [{"as_tensor": {"name": "z"}}],
       "nodes": [{"target": "_operator.neg", "inputs": [{"name": "", "arg": {"as_tensor": {"name": "x"}}}],
                  "outputs": [{"as_tensor": {"name": "z"}}]}]}}}}], "outputs": [{"as_tensor": {"name": "y"}}]})";
  auto model = OpenBytes(Archive(Program(cond)));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->graphs.size(), 2u);
  EXPECT_THAT(model->graphs[0].nodes.at(0).blocks, ElementsAre(1));
  EXPECT_EQ(model->graphs[1].name, "then");
  EXPECT_EQ(model->graphs[1].nodes.at(0).domain + "." + model->graphs[1].nodes[0].op, "_operator.neg");
  EXPECT_EQ(model->graphs[1].values[0].tensor, kNone);
}

TEST(Pt2, NamesUsedTooEarlyOrTwiceDoNotMakeCycles) {
  auto node = [](std::string_view in, std::string_view out) {
    return R"({"target": "a.b", "inputs": [{"name": "i", "arg": {"as_tensor": {"name": ")" + std::string(in) +
           R"("}}}], "outputs": [{"as_tensor": {"name": ")" + std::string(out) + R"("}}]})";
  };
  auto model = OpenBytes(Archive(Program(node("late", "y") + "," + node("y", "late") + "," + node("late", "y"))));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(Noted(*model, "graph-names"));
  const Graph& graph = model->graphs[0];
  std::vector<bool> made(graph.values.size(), false);
  std::vector<std::string> names;
  for (const GraphValue& value : graph.values) names.push_back(value.name);
  EXPECT_THAT(names, testing::ElementsAre("p_w", "b_b", "x", "late", "y", "late#2", "y#2"));
  for (const Node& each : graph.nodes) {
    for (Index value : each.outputs.at(0).values) {
      EXPECT_FALSE(made[value]);
      made[value] = true;
    }
  }
  EXPECT_EQ(graph.outputs, std::vector<Index>{6});
}

TEST(Pt2, ABrokenProgramLeavesTheWeights) {
  for (const char* program : {"{", "[]", R"({"graph_module": 3})"}) {
    auto model = OpenBytes(Archive(program));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(Describe(*model, "net.w"), "float32[2] 1.0 2.0");
  }
}

TEST(Pt2, SeveralModelsArePartsOfTheirOwn) {
  auto model =
      OpenBytes(Archive(Program(kLinear), {{"data/weights/weight_1", Floats({0, 7, 8})},
                                           {"data/weights/b_weights_config.json", Table({{"w", "weight_1"}}, true)}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Parts(*model), "model:model b:model");
  EXPECT_EQ(Describe(*model, "b.w"), "float32[2] 7.0 8.0");
  EXPECT_EQ(FindTensor(*model, "b.w")->name, "w");
  EXPECT_EQ(Describe(*model, "model.net.w"), "float32[2] 1.0 2.0");
}

TEST(Pt2, WhatTheTablesGetWrongIsAFinding) {
  auto model = OpenBytes(Archive(
      Program(kLinear), {{"data/weights/short", Floats({1})},
                         {"data/weights/x_weights_config.json", Table({{"short", "short"}, {"gone", "gone"}}, true)}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "x.short"), "float32[2] oob");
  EXPECT_EQ(Describe(*model, "x.gone"), "float32[2] missing");
  EXPECT_TRUE(Noted(*model, "storage-missing"));
}

TEST(Pt2, CompiledCodeIsListedAndNamed) {
  auto model = OpenBytes(Archive("{}", {{"data/aotinductor/net/a.so",
                                         "\x7f"
                                         "ELF"},
                                        {"data/aotinductor/net/a_metadata.json", R"({"AOTI_DEVICE_KEY": "cpu"})"}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(PlainText(*model), HasSubstr("data.aotinductor.net.AOTI_DEVICE_KEY=cpu\n"));
  EXPECT_THAT(PlainText(*model), HasSubstr("data.aotinductor[\"net/a.so\"]=4 bytes\n"));
  EXPECT_TRUE(Noted(*model, "compiled-code"));
}

std::string Saved(const code::Code& root, const std::string& bytes) {
  ZipBuilder zip;
  zip.Add({.name = "archive/data.pkl", .data = code::Pickle(root), .torch = true});
  zip.Add({.name = "archive/data/0", .data = bytes, .torch = true});
  return zip.Finish();
}

std::string Flat(bool deflate) {
  ZipBuilder zip;
  zip.Add({.name = "serialized_exported_program.json", .data = Program(kLinear), .deflate = deflate});
  auto state =
      code::Named({{"net.w", code::Row("FloatStorage", "0", 2)}, {"net.b", code::Row("FloatStorage", "0", 1)}});
  zip.Add({.name = "serialized_state_dict.json", .data = Saved(state, Floats({5, 6})), .deflate = deflate});
  zip.Add({.name = "version", .data = "2"});
  return zip.Finish();
}

TEST(Pt2, EarlierArchivesHoldTorchFiles) {
  for (bool deflate : {false, true}) {
    auto model = OpenBytes(Flat(deflate));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->format_text, "torch.export archive of torch 2.1 to 2.7, version 2");
    EXPECT_EQ(Describe(*model, "net.w"), "float32[2] 5.0 6.0");
    EXPECT_EQ(FindTensor(*model, "net.b")->kind, TensorKind::kBuffer);
    EXPECT_EQ(model->graphs.size(), 1u);
  }
}

TEST(Pt2, StoredWeightsArePlacesInTheFileItself) {
  std::string file = Flat(false);
  auto model = OpenBytes(file);
  ASSERT_TRUE(model) << model.error().message;
  const Storage& storage = model->storages[FindTensor(*model, "net.w")->storage];
  EXPECT_EQ(storage.source, 0u);
  EXPECT_EQ(file.substr(storage.offset, 8), Floats({5, 6}));
}

// 20 MB of JSON, deflated.
std::string DeflatedProgram(size_t weights) {
  ZipBuilder zip;
  zip.Add({.name = "m/archive_format", .data = "pt2"});
  zip.Add({.name = "m/models/model.json", .data = Program(kLinear) + std::string(20 << 20, ' '), .deflate = true});
  zip.Add({.name = "m/data/weights/weight_0", .data = std::string(weights, 'w')});
  return zip.Finish();
}

TEST(Pt2, DeflatedProgramsMayBeAsLargeAsTheFileExplains) {
  auto model = OpenBytes(DeflatedProgram(1 << 20));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->producer, "torch 2.9.1");
  EXPECT_EQ(TextOf(*model, "inflated-size"), "");

  const std::string small = DeflatedProgram(8);
  model = OpenBytes(small);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_NE(model->producer, "torch 2.9.1");
  EXPECT_THAT(TextOf(*model, "inflated-size"), HasSubstr(std::to_string(small.size() * 32 + (4 << 20)) + " bytes"));
}

TEST(Pt2, ModelsThatAreLeftOutAreCounted) {
  ZipBuilder zip;
  zip.Add({.name = "m/archive_format", .data = "pt2"});
  for (int i = 0; i < 260; ++i) zip.Add({.name = "m/models/m" + std::to_string(i) + ".json", .data = "{}"});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(TextOf(*model, "models-left-out"), "only 256 of 260 models are listed");
}

TEST(Pt2, OperatorsThatCompiledCodeCallsAreAGraph) {
  constexpr const char* kCalls = R"({"nodes": [
    {"name": "buf2", "node": {"target": "torch.ops.my.first.default", "metadata": {},
      "inputs": [{"name": "x", "arg": {"as_tensor": {"name": "arg0"}}}, {"name": "n", "arg": {"as_int": 3}}],
      "outputs": [{"as_tensor": {"name": "buf2"}}]}},
    {"name": "buf4", "node": {"target": "torch.ops.my.second.out", "metadata": {},
      "inputs": [{"name": "x", "arg": {"as_tensor": {"name": "buf2"}}}], "outputs": [{"as_tensor": {"name": "buf4"}}]}}]})";
  auto model = OpenBytes(Archive("{}", {{"data/aotinductor/net/a.so",
                                         "\x7f"
                                         "ELF"},
                                        {"data/aotinductor/net/a.json", kCalls},
                                        {"data/aotinductor/net/b.json", R"({"other": 1})"}}));
  ASSERT_TRUE(model) << model.error().message;
  const Graph* calls = nullptr;
  for (const Graph& graph : model->graphs) {
    if (graph.name == "calls of compiled code") calls = &graph;
  }
  ASSERT_NE(calls, nullptr);
  EXPECT_EQ(
      GraphLines(*model, *calls),
      "calls of compiled code[]\n%buf2 = my::first.default(x=%arg0, n=3)\n%buf4 = my::second.out(x=%buf2)\n-> []\n");
  EXPECT_FALSE(Noted(*model, "graph-names")) << "the code makes arg0";
  EXPECT_TRUE(Noted(*model, "compiled-calls"));
}

}  // namespace
}  // namespace pthview
