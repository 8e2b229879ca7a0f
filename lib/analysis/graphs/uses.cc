#include "lib/analysis/graphs/uses.h"

#include <utility>

#include "lib/analysis/graphs/operators.h"

namespace pthview {
namespace {

// Calls `each` with the row of every recorded graph.
template <typename Function>
void ForEachRecorded(const Model& model, const Function& each) {
  for (Index i = 0; i < model.graphs.size(); ++i) {
    if (model.graphs[i].origin == Origin::kRecorded) each(i);
  }
}

}  // namespace

Index WeightUses::NameOf(Index tensor) const {
  const Index same = model_.tensors[tensor].same_as;
  return same == kNone ? tensor : same;
}

WeightUses::WeightUses(const Model& model) : model_(model) {
  std::vector<std::pair<Index, WeightUse>> found;
  ForEachRecorded(model, [&](Index g) {
    const Graph& graph = model.graphs[g];
    for (Index n = 0; n < graph.nodes.size(); ++n) {
      const std::vector<Argument>& inputs = graph.nodes[n].inputs;
      for (Index a = 0; a < inputs.size(); ++a) {
        for (Index value : inputs[a].values) {
          const Index tensor = graph.values[value].tensor;
          if (tensor != kNone) found.push_back({NameOf(tensor), {g, n, a}});
        }
      }
    }
  });
  first_.assign(model.tensors.size() + 1, 0);
  for (const auto& [tensor, use] : found) ++first_[tensor + 1];
  for (size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  uses_.resize(found.size());
  std::vector<size_t> next(first_.begin(), first_.end() - 1);
  for (const auto& [tensor, use] : found) uses_[next[tensor]++] = use;
}

std::span<const WeightUse> WeightUses::Of(Index tensor) const {
  if (tensor >= model_.tensors.size()) return {};
  const Index at = NameOf(tensor);
  return std::span(uses_).subspan(first_[at], first_[at + 1] - first_[at]);
}

std::string UseText(const Model& model, const WeightUse& use) {
  const Graph& graph = model.graphs[use.graph];
  const Node& node = graph.nodes[use.node];
  const std::string& argument = node.inputs[use.argument].name;
  std::string text = node.name + " (" + OperatorName(node) + (argument.empty() ? ")" : ", " + argument + ")");
  if (model.graph_roots.size() > 1 || use.graph != model.graph_roots[0]) text += " of " + graph.name;
  return text;
}

std::vector<uint64_t> OperatorsOfModules(const Model& model) {
  std::vector<uint64_t> counts(model.modules.size(), 0);
  ForEachRecorded(model, [&](Index g) {
    for (const Node& node : model.graphs[g].nodes) {
      if (node.module != kNone) ++counts[node.module];
    }
  });
  return counts;
}

}  // namespace pthview
