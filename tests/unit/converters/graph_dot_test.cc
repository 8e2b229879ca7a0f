#include "converters/picture/graph_dot.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// x -> relu -> ... -> relu, each in a module of its own below `block`, two operators a module.
Model Chain(size_t modules) {
  Model model;
  model.modules.push_back({});
  model.modules.push_back({.name = "block", .path = "block", .class_name = "net.Block", .parent = 0});
  Graph graph{.name = "forward"};
  graph.values = {{.name = "x"}};
  graph.inputs = {0};
  for (size_t i = 0; i < 2 * modules; ++i) {
    if (i % 2 == 0) model.modules.push_back({.path = "block.inner", .class_name = "net.Inner", .parent = 1});
    Node node{.name = "n" + std::to_string(i), .domain = "aten", .op = "relu"};
    node.module = static_cast<Index>(model.modules.size() - 1);
    node.inputs = {{.name = "self", .values = {static_cast<Index>(i)}}};
    node.outputs = {{.name = "", .values = {static_cast<Index>(i + 1)}}};
    graph.nodes.push_back(std::move(node));
    graph.values.push_back({.name = "v" + std::to_string(i)});
  }
  graph.outputs = {static_cast<Index>(2 * modules)};
  model.graphs = {std::move(graph)};
  model.graph_roots = {0};
  return model;
}

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(GraphDot, UnfoldsAsFarAsItIsReadable) {
  Model model = Chain(20);
  auto text = GraphDot(model, model.graphs[0], {.depth = 0});
  ASSERT_TRUE(text);
  EXPECT_EQ(Count(*text, "subgraph"), 0U);
  EXPECT_THAT(*text, HasSubstr("40 operators"));
  EXPECT_EQ(Count(*text, " -> "), 2U);
  text = GraphDot(model, model.graphs[0], {.depth = 1});
  EXPECT_EQ(Count(*text, "subgraph"), 1U);
  EXPECT_EQ(Count(*text, " -> "), 21U);
  text = GraphDot(model, model.graphs[0], {});
  EXPECT_EQ(Count(*text, "subgraph"), 21U);
  text = GraphDot(model, model.graphs[0], {.comfortable = 30});
  EXPECT_EQ(Count(*text, "subgraph"), 1U);
}

TEST(GraphDot, SaysWhenThereAreTooManyBoxes) {
  Model model = Chain(20);
  auto text = GraphDot(model, model.graphs[0], {.depth = 9, .most = 30});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kLimit);
  EXPECT_THAT(text.error().message, HasSubstr("42"));
}

TEST(GraphDot, NamesCannotEndAText) {
  Model model = Chain(1);
  model.graphs[0].nodes[0].op = "a\"]; evil [label=\"\\N\n<b>";
  model.graphs[0].nodes[0].attributes = {TypedAttribute("k\"", {std::string("v\\")})};
  auto text = GraphDot(model, model.graphs[0], {});
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("a\\\"]; evil [label=\\\"\\\\N"));
  EXPECT_THAT(*text, HasSubstr("k\\\" v\\\\"));
  EXPECT_THAT(*text, Not(HasSubstr("a\"]")));
}

}  // namespace
}  // namespace pthview
