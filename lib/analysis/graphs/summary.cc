#include "lib/analysis/graphs/summary.h"

#include <algorithm>
#include <map>

#include "lib/analysis/graphs/operators.h"

namespace pthview {

GraphSummary SummarizeGraph(const Model& model, const Graph& graph) {
  GraphSummary summary;
  std::map<std::string, size_t> counts;
  std::vector<const Graph*> todo = {&graph};
  while (!todo.empty()) {
    const Graph& at = *todo.back();
    todo.pop_back();
    summary.nodes += at.nodes.size();
    for (const Node& node : at.nodes) {
      ++counts[OperatorName(node)];
      for (Index block : node.blocks) {
        todo.push_back(&model.graphs[block]);
        ++summary.bodies;
      }
    }
  }
  for (auto& [name, count] : counts) summary.operators.push_back({name, count});
  std::stable_sort(summary.operators.begin(), summary.operators.end(),
                   [](const OperatorCount& a, const OperatorCount& b) { return a.count > b.count; });
  for (Index value : graph.inputs) summary.inputs.push_back({graph.values[value].name, graph.values[value].type});
  for (Index value : graph.outputs) summary.outputs.push_back({graph.values[value].name, graph.values[value].type});
  return summary;
}

}  // namespace pthview
