// Graphs written down in a line a node, for tests.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/model/model.h"

namespace pthview::testing {

// Values are called by name; they come about where they are first spoken of.
class GraphMaker {
 public:
  explicit GraphMaker(std::string name = "forward") { graph.name = std::move(name); }

  Index Value(const std::string& name) {
    if (auto found = values_.find(name); found != values_.end()) return found->second;
    graph.values.push_back({.name = name});
    return values_[name] = static_cast<Index>(graph.values.size() - 1);
  }

  void Input(const std::string& name) { graph.inputs.push_back(Value(name)); }
  void Output(const std::string& name) { graph.outputs.push_back(Value(name)); }

  // `op` is "aten::relu"; each input is an argument of its own, without a name.
  Node& Add(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
            Index module = kNone) {
    size_t colon = op.find("::");
    Node node{.name = op + std::to_string(graph.nodes.size())};
    if (colon != std::string::npos) node.domain = op.substr(0, colon);
    node.op = colon == std::string::npos ? op : op.substr(colon + 2);
    node.module = module;
    Index position = 0;
    for (const std::string& input : inputs) {
      node.inputs.push_back({.name = "", .values = {Value(input)}, .position = position++});
    }
    for (const std::string& output : outputs) node.outputs.push_back({.name = "", .values = {Value(output)}});
    graph.nodes.push_back(std::move(node));
    return graph.nodes.back();
  }

  void Constant(const std::string& name, AttributeValue value) {
    Add("prim::Constant", {}, {name}).attributes = {TypedAttribute("value", std::move(value))};
  }

  Graph graph;

 private:
  std::map<std::string, Index> values_;
};

}  // namespace pthview::testing
