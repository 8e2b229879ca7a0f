#include "plugins/host/reply.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview::plugins {
namespace {

using ::testing::ElementsAre;

// A file of 64 bytes, and what a plug-in says of it in JSON.
Result<Model> Read(const std::string& model_json) {
  auto message = DecodeMessage(Encoding::kJson, R"({"protocol": 1, "model": )" + model_json + "}");
  if (!message) return message.error();
  std::vector<NamedFile> files(2);
  files[0] = {"/data/a.bin", OpenMemory("/data/a.bin", std::vector<std::byte>(64))};
  files[1] = {"/nonexistent/b.bin", nullptr};
  return ModelFromReply(message->model(), std::move(files), {});
}

bool Found(const Model& model, std::string_view code) {
  return std::ranges::any_of(model.findings, [&](const Finding& finding) { return finding.code == code; });
}

TEST(Reply, TensorsAndSharedStorages) {
  auto model = Read(R"({"tensors": [
      {"name": "a.w", "dtype": "float32", "shape": [2, 2], "data": {"offset": 16, "nbytes": 16}},
      {"name": "b.w", "dtype": "float32", "shape": [2], "strides": [2], "storageOffset": 1,
       "data": {"offset": 16, "nbytes": 16}}]})");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(model->findings.empty());
  ASSERT_EQ(model->tensors.size(), 2U);
  EXPECT_EQ(model->storages.size(), 1U);
  EXPECT_EQ(model->tensors[0].data, DataState::kPresent);
  EXPECT_EQ(model->tensors[1].data, DataState::kPresent);
  EXPECT_EQ(model->tensors[1].offset, 1);
  EXPECT_THAT(model->tensors[1].strides, ElementsAre(2));
  EXPECT_EQ(model->parts.size(), 1U);
  EXPECT_EQ(model->parts[0].kind, PartKind::kModel);
}

TEST(Reply, NamesAreEscaped) {
  auto model = Read(R"({"tensors": [{"name": "a b\\c"}], "parts": [{"kind": "MODEL", "path": "net"}]})");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->tensors[0].name, "a b\\\\c");
  EXPECT_EQ(model->tensors[0].path.substr(0, 5), "net[\"");
}

TEST(Reply, TensorsThatReachOutside) {
  auto model = Read(R"({"tensors": [
      {"name": "a", "dtype": "uint8", "shape": [16], "data": {"offset": 60, "nbytes": 16}},
      {"name": "b", "dtype": "uint8", "shape": [16], "data": {"offset": "18446744073709551615", "nbytes": 16}},
      {"name": "c", "dtype": "uint8", "shape": [16], "data": {"file": 1, "nbytes": 16}},
      {"name": "d", "dtype": "uint8", "shape": [16]}]})");
  ASSERT_TRUE(model);
  for (const Tensor& tensor : model->tensors) EXPECT_NE(tensor.data, DataState::kPresent) << tensor.name;
  EXPECT_TRUE(Found(*model, "storage-truncated"));
  EXPECT_TRUE(Found(*model, "file-missing"));
  EXPECT_TRUE(Found(*model, "tensor-missing"));
}

TEST(Reply, RefusesIndicesOutOfRange) {
  for (const char* json :
       {R"({"tensors": [{"name": "a", "part": 1}]})", R"({"tensors": [{"name": "a", "data": {"file": 2}}]})",
        R"({"tensors": [{"name": ""}]})", R"({"modules": [{"path": "a", "part": 3}]})",
        R"({"modules": [{"path": "a"}, {"path": "a"}]})", R"({"graphs": [{"part": 1}]})",
        R"({"graphs": [{"values": [{"name": "x", "tensor": 0}]}]})", R"({"graphs": [{"inputs": [0]}]})",
        R"({"graphs": [{"nodes": [{"outputs": [{"values": [0]}]}]}]})",
        R"({"graphs": [{"nodes": [{"blocks": [1]}]}]})"}) {
    auto model = Read(json);
    ASSERT_FALSE(model) << json;
    EXPECT_EQ(model.error().code, ErrorCode::kCorrupt);
  }
}

TEST(Reply, ModuleTree) {
  auto model = Read(R"({
      "tensors": [{"name": "a.b.w"}, {"name": "a.bb.w"}, {"name": "top"}],
      "modules": [{"path": "a", "className": "Block", "training": false}, {"path": "a.b", "className": "Linear",
                   "attributes": [{"name": "in_features", "text": "3"}]}, {"path": "", "className": "Net"}]})");
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->modules.size(), 3U);
  const Module& root = model->modules[model->parts[0].root];
  EXPECT_EQ(root.class_name, "Net");
  EXPECT_THAT(root.tensors, ElementsAre(2));
  const Module& a = model->modules[root.children.at(0)];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.training, false);
  EXPECT_THAT(a.tensors, ElementsAre(1));  // "a.bb" is not listed: the deepest listed module has it
  const Module& b = model->modules[a.children.at(0)];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.path, "a.b");
  EXPECT_THAT(b.tensors, ElementsAre(0));
  EXPECT_EQ(b.attributes.at(0).text, "3");
}

TEST(Reply, GraphWithBlock) {
  auto model = Read(R"({"tensors": [{"name": "w"}], "graphs": [
      {"name": "main", "values": [{"name": "x"}, {"name": "w", "tensor": 0}, {"name": "y"}], "inputs": [0],
       "outputs": [2], "nodes": [{"name": "if", "op": "If", "inputs": [{"name": "i", "values": [0, 1]}],
       "outputs": [{"name": "o", "values": [2]}], "blocks": [1]}]},
      {"name": "then", "values": [{"name": "x"}, {"name": "z"}], "outputs": [1],
       "nodes": [{"op": "Neg", "inputs": [{"values": [0]}], "outputs": [{"values": [1]}]}]}]})");
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_FALSE(Found(*model, "graph-invalid"));
  ASSERT_EQ(model->graphs.size(), 2U);
  EXPECT_THAT(model->graph_roots, ElementsAre(0));
  EXPECT_EQ(model->graphs[0].origin, Origin::kRecorded);
  EXPECT_THAT(model->graphs[0].nodes[0].blocks, ElementsAre(1));
}

TEST(Reply, TypedAttributesAndTypes) {
  auto model = Read(R"({"tensors": [{"name": "w"}], "graphs": [{"name": "main", "inputs": [0], "outputs": [1],
      "values": [{"name": "x", "valueType": {"kind": "TENSOR", "dtype": "float32", "ranked": true,
                  "dims": [{"size": "2"}, {"symbol": "s0"}, {}]}},
                 {"name": "y", "valueType": {"kind": "LIST", "items": [{"kind": "CLASS", "name": "__torch__.A"}]}}],
      "symbols": [{"name": "s0", "low": 2}], "mutations": [{"value": 1, "input": 0}],
      "nodes": [{"op": "f", "source": "y = x.f", "call": 1, "inputs": [{"name": "self", "values": [0], "position": 0}],
        "outputs": [{"values": [1]}], "attributes": [
          {"name": "none", "value": {}}, {"name": "flag", "value": {"flag": false}},
          {"name": "size", "value": {"list": {"items": [{"integer": 3}, {"value": 0}]}}, "position": 2},
          {"name": "alpha", "text": "two", "value": {"real": 2}}, {"name": "dtype", "value": {"dtype": "bfloat16"}},
          {"name": "w", "text": "w", "value": {"tensor": 0}}, {"name": "j", "value": {"complex": {"imaginary": 1}}},
          {"name": "text"}]}]
}]
})");
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->graphs.size(), 1U) << model->findings.at(0).text;
  const Graph& graph = model->graphs[0];
  EXPECT_EQ(graph.values[0].type, "float32[2, s0, ?]");
  EXPECT_EQ(graph.values[0].value_type.dims->at(0).size, 2);
  EXPECT_EQ(graph.values[1].type, "List[__torch__.A]");
  EXPECT_EQ(graph.symbols.at(0).low, 2);
  EXPECT_EQ(graph.symbols.at(0).high, std::nullopt);
  EXPECT_EQ(graph.mutations.at(0).input, 0U);
  const Node& node = graph.nodes[0];
  EXPECT_EQ(node.source, "y = x.f");
  EXPECT_EQ(node.call, 1U);
  EXPECT_EQ(node.inputs[0].position, 0U);
  EXPECT_EQ(node.attributes.at(2).position, 2U);
  std::vector<std::string> texts;
  for (const Attribute& attribute : node.attributes) texts.push_back(attribute.text);
  EXPECT_THAT(texts, ElementsAre("None", "False", "[3, <value>]", "two", "torch.bfloat16", "w", "(0+1j)", ""));
  EXPECT_EQ(node.attributes[3].value.Float(), 2.0);
  EXPECT_TRUE(node.attributes[5].value.Is<TensorValue>());
  EXPECT_FALSE(node.attributes[7].value.typed());
}

TEST(Reply, RefusesWhatNestsTooDeeply) {
  for (int deep : {10, 40, 500}) {
    std::string value = R"({"integer": 1})";
    for (int i = 0; i < deep; ++i) value = R"({"list": {"items": [)" + value + "]}}";
    std::string graph = R"({"graphs": [{"nodes": [{"attributes": [{"name": "a", "value": )" + value + "}]}]}]}";
    EXPECT_EQ(Read(graph).has_value(), deep == 10) << deep;
  }
}

TEST(Reply, GraphsThatBreakARuleAreLeftOut) {
  constexpr const char* kBad[] = {
      // used before it is made (a cycle)
      R"([{"values": [{"name": "x"}], "nodes": [{"inputs": [{"values": [0]}], "outputs": [{"values": [0]}]}]}])",
      // made twice
      R"([{"values": [{"name": "x"}], "nodes": [{"outputs": [{"values": [0]}]}, {"outputs": [{"values": [0]}]}]}])",
      // returned, never made
      R"([{"values": [{"name": "x"}], "outputs": [0]}])",
      // two values of one name
      R"([{"values": [{"name": "x"}, {"name": "x"}]}])",
      // two nodes of one name
      R"([{"nodes": [{"name": "n"}, {"name": "n"}]}])",
      // a block of itself
      R"([{"nodes": [{"blocks": [0]}]}])",
      // a block of two nodes
      R"([{"nodes": [{"blocks": [1]}, {"blocks": [1]}]}, {}])",
      // a graph behind a block
      R"([{"nodes": [{"blocks": [1]}]}, {}, {}])",
  };
  for (const char* graphs : kBad) {
    auto model = Read(std::string(R"({"graphs": )") + graphs + "}");
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_TRUE(Found(*model, "graph-invalid")) << graphs;
    EXPECT_TRUE(model->graphs.empty()) << graphs;
  }
}

TEST(Reply, MetadataAndFindings) {
  auto model =
      Read(R"({"metadata": [{"path": "a", "text": "x"}, {"path": "b", "integer": 3}, {"path": "c", "number": 2},
      {"path": "d", "flag": true}, {"path": "e", "sequence": "[1]"}, {"path": "f"}],
      "findings": [{"severity": "WARNING", "code": "odd-thing", "text": "t"}, {"code": "Not A Code"}]})");
  ASSERT_TRUE(model);
  std::vector<std::string> texts;
  for (const PlainValue& plain : model->plain) texts.emplace_back(plain.text);
  EXPECT_THAT(texts, ElementsAre("x", "3", "2.0", "True", "[1]", "None"));
  ASSERT_EQ(model->findings.size(), 2U);
  EXPECT_EQ(model->findings[0].severity, Severity::kWarning);
  EXPECT_EQ(model->findings[0].code, "odd-thing");
  EXPECT_EQ(model->findings[1].code, "plugin");
}

TEST(Failure, BecomesAnError) {
  proto::Failure failure;
  failure.set_code(proto::Failure::TRUNCATED);
  failure.set_message(std::string(5000, 'x'));
  failure.set_offset(7);
  Error error = ToError(failure);
  EXPECT_EQ(error.code, ErrorCode::kTruncated);
  EXPECT_EQ(error.message.size(), 1000U);
  EXPECT_EQ(error.offset, 7U);
}

}  // namespace
}  // namespace pthview::plugins
