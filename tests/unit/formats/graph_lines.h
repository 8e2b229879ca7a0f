// A graph in short lines, one a node: "relu, relu#1 = torch::relu.out(%x, @w, inplace=False)".
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

inline std::string GraphLines(const Model& model, const Graph& graph) {
  auto value = [&](Index index) {
    const GraphValue& row = graph.values[index];
    return row.tensor == kNone ? "%" + row.name : "@" + std::string(model.tensors[row.tensor].name);
  };
  auto list = [&](const std::vector<Index>& values) {
    std::string text;
    for (Index each : values) text += (text.empty() ? "" : " ") + value(each);
    return values.size() == 1 ? text : "[" + text + "]";
  };
  std::string text = graph.name + list(graph.inputs) + "\n";
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      for (Index out : node.outputs[i].values) text += (i > 0 ? ", " : "") + value(out);
    }
    text += " = " + node.domain + "::" + node.op + (node.overload.empty() ? "" : "." + node.overload) + "(";
    std::vector<std::pair<Index, std::string>> parts;
    for (const Argument& argument : node.inputs) {
      parts.emplace_back(argument.position, (argument.name.empty() ? "" : argument.name + "=") + list(argument.values));
    }
    for (const Attribute& attribute : node.attributes) {
      parts.emplace_back(attribute.position, (attribute.name.empty() ? "" : attribute.name + "=") + attribute.text);
    }
    std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? ", " : "") + parts[i].second;
    text += ")\n";
    for (Index block : node.blocks) {
      std::string inner = GraphLines(model, model.graphs[block]);
      for (size_t at = 0; at < inner.size();) {
        const size_t end = inner.find('\n', at) + 1;
        text += "  " + inner.substr(at, end - at);
        at = end;
      }
    }
  }
  return text + "-> " + list(graph.outputs) + "\n";
}

}  // namespace pthview
