#include "tools/server/graph_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using Json = nlohmann::json;

TEST(GraphJson, HasRecordedGraphsWithModulesOfTheOutline) {
  pthview::testing::ModelFixture fixture;
  Model& model = fixture.model;
  Index weight = fixture.Add("conv.weight", {1, 1});
  model.modules.push_back({.children = {1}});
  model.modules.push_back({.name = "conv", .path = "conv", .class_name = "Conv2d", .parent = 0, .tensors = {weight}});
  model.parts[0].root = 0;
  Graph graph{.name = "forward", .origin = Origin::kRecorded, .part = 0};
  graph.values = {{.name = "x", .type = "float32[1]"}, {.name = "w", .tensor = weight}, {.name = "y"}};
  graph.inputs = {0};
  graph.outputs = {2};
  Node node{.name = "conv", .domain = "aten", .op = "conv2d", .module = 1};
  node.inputs = {{.name = "input", .values = {0}}, {.name = "weight", .values = {1}}};
  node.outputs = {{.name = "output", .values = {2}}};
  node.attributes.push_back({.name = "stride", .text = "[2, 2]"});
  node.location = "model.py:9";
  node.source = "return conv(x)";
  node.call = 1;
  graph.nodes.push_back(node);
  model.graphs.push_back(graph);
  model.graphs.push_back({.name = "", .origin = Origin::kInferred, .part = 0});
  model.graph_roots = {0, 1};
  Outline outline = BuildOutline(model);
  Json document = Json::parse(GraphJson(model, model.graphs, model.graph_roots, outline, "ready", ""));
  EXPECT_EQ(document["state"], "ready");
  ASSERT_EQ(document["graphs"].size(), 2);
  EXPECT_TRUE(document["graphs"][1].is_null());
  Json row = document["graphs"][0];
  EXPECT_EQ(row["root"], 1);
  EXPECT_EQ(row["values"]["tensor"], Json::parse("[-1, 0, -1]"));
  EXPECT_EQ(row["values"]["type"][0], "float32[1]");
  Json nodes = row["nodes"];
  EXPECT_EQ(nodes["op"], Json::parse(R"(["conv2d"])"));
  EXPECT_EQ(nodes["category"], Json::parse(R"(["Layer"])"));
  EXPECT_EQ(outline.modules[nodes["module"][0].get<size_t>()].path, "conv");
  EXPECT_EQ(nodes["inputs"][0], Json::parse(R"([["input", [0]], ["weight", [1]]])"));
  EXPECT_EQ(nodes["attributes"][0], Json::parse(R"([["stride", "[2, 2]"]])"));
  EXPECT_EQ(nodes["location"][0], "model.py:9");
  EXPECT_EQ(nodes["source"][0], "return conv(x)");
  EXPECT_EQ(nodes["call"][0], 1);
}

}  // namespace
}  // namespace pthview::server
