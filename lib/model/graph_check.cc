#include "lib/model/graph_check.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "lib/base/text_hash.h"

namespace pthview {
namespace {

bool TypeIsShallow(const ValueType& type, int depth) {  // NOLINT(misc-no-recursion): kDeepestType at most
  if (depth > kDeepestType) return false;
  return std::all_of(type.items.begin(), type.items.end(),
                     [&](const ValueType& item) { return TypeIsShallow(item, depth + 1); });
}

class Checker {
 public:
  explicit Checker(const Model& model) : model_(model), depth_(model.graphs.size(), kFree) {}

  std::optional<BrokenRule> Run() {
    for (Index root : model_.graph_roots) {
      at_ = root;
      if (root >= depth_.size()) return Broken("a root is no graph");
      if (depth_[root] != kFree) return Broken("a graph is listed as a root twice");
      depth_[root] = 0;
    }
    for (at_ = 0; at_ < model_.graphs.size(); ++at_) {
      if (auto broken = CheckGraph(model_.graphs[at_])) return broken;
    }
    return std::nullopt;
  }

 private:
  static constexpr int kFree = -1;  // no body so far

  BrokenRule Broken(std::string text) const { return {std::move(text), at_}; }

  template <typename Rows>
  static bool IsRow(Index row, const Rows& rows) {
    return row == kNone || row < rows.size();
  }

  std::optional<BrokenRule> CheckGraph(const Graph& graph) {
    if (depth_[at_] == kFree) return Broken("a graph is neither a root nor a body of a graph before it");
    if (!IsRow(graph.part, model_.parts)) return Broken("a graph's part is not in the model");
    if (auto broken = CheckValues(graph)) return broken;
    for (const Node& node : graph.nodes) {
      if (auto broken = CheckNode(graph, node)) return broken;
    }
    return CheckSsa(graph);
  }

  std::optional<BrokenRule> CheckValues(const Graph& graph) {
    bool unique = graph.origin == Origin::kRecorded;
    names_.clear();
    for (const GraphValue& value : graph.values) {
      if (!IsRow(value.tensor, model_.tensors)) return Broken("a value's tensor is not in the model");
      if (!TypeIsShallow(value.value_type, 0)) {
        return Broken(fmt::format("a type nests more than {} deep", kDeepestType));
      }
      if (unique && !value.name.empty() && !names_.insert(value.name).second) {
        return Broken("two values of a graph have one name");
      }
    }
    auto in_range = [&](Index value) { return value < graph.values.size(); };
    if (!std::all_of(graph.inputs.begin(), graph.inputs.end(), in_range) ||
        !std::all_of(graph.outputs.begin(), graph.outputs.end(), in_range)) {
      return Broken("an input or output is no value of its graph");
    }
    for (const Mutation& mutation : graph.mutations) {
      if (!in_range(mutation.value) || !IsRow(mutation.input, graph.values) ||
          !IsRow(mutation.tensor, model_.tensors)) {
        return Broken("what is written back is no value of its graph");
      }
    }
    names_.clear();
    for (const Node& node : graph.nodes) {
      if (unique && !node.name.empty() && !names_.insert(node.name).second) {
        return Broken("two nodes of a graph have one name");
      }
    }
    return std::nullopt;
  }

  std::optional<BrokenRule> CheckNode(const Graph& graph, const Node& node) {
    if (!IsRow(node.module, model_.modules)) return Broken("a node's module is not in the model");
    for (const auto* arguments : {&node.inputs, &node.outputs}) {
      for (const Argument& argument : *arguments) {
        if (!IsRow(argument.evidence, graph.evidence)) return Broken("an argument's evidence is not in its graph");
        for (Index value : argument.values) {
          if (value >= graph.values.size()) return Broken("an argument is no value of its graph");
        }
      }
    }
    for (Index block : node.blocks) {
      if (block >= depth_.size() || block <= at_) return Broken("a body is no graph behind the one that it is in");
      if (depth_[block] != kFree) return Broken("a body belongs to two nodes, or is a root");
      depth_[block] = depth_[at_] + 1;
      if (depth_[block] > kDeepestBlock) return Broken(fmt::format("bodies nest more than {} deep", kDeepestBlock));
    }
    for (const Attribute& attribute : node.attributes) {
      if (auto broken = CheckAttribute(graph, node, attribute.value, 0)) return broken;
    }
    return std::nullopt;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestAttribute at most
  std::optional<BrokenRule> CheckAttribute(const Graph& graph, const Node& node, const AttributeValue& value,
                                           int depth) {
    if (depth > kDeepestAttribute) {
      return Broken(fmt::format("an attribute nests more than {} deep", kDeepestAttribute));
    }
    if (const auto* tensor = value.Get<TensorValue>(); tensor != nullptr && !IsRow(tensor->tensor, model_.tensors)) {
      return Broken("an attribute's tensor is not in the model");
    }
    if (const auto* body = value.Get<GraphReference>();
        body != nullptr && std::find(node.blocks.begin(), node.blocks.end(), body->graph) == node.blocks.end()) {
      return Broken("an attribute's graph is no body of its node");
    }
    if (const auto* used = value.Get<ValueReference>(); used != nullptr && used->value >= graph.values.size()) {
      return Broken("an attribute speaks of a value that its graph does not have");
    }
    const auto* list = value.Get<ListValue>();
    const auto* dict = value.Get<DictValue>();
    if (dict != nullptr && dict->items.size() % 2 != 0) return Broken("a dict among the attributes lacks a value");
    if (list == nullptr && dict == nullptr) return std::nullopt;
    for (const AttributeValue& item : list != nullptr ? list->items : dict->items) {
      if (auto broken = CheckAttribute(graph, node, item, depth + 1)) return broken;
    }
    return std::nullopt;
  }

  std::optional<BrokenRule> CheckSsa(const Graph& graph) {
    enum : uint8_t { kUnseen, kUsed, kMade };  // kUsed: before anything makes it
    state_.assign(graph.values.size(), kUnseen);
    for (Index value : graph.inputs) {
      if (state_[value] != kUnseen) return Broken("a graph has an input twice");
      state_[value] = kMade;
    }
    for (const Node& node : graph.nodes) {
      for (const Argument& argument : node.inputs) {
        for (Index value : argument.values) {
          if (state_[value] == kUnseen) state_[value] = kUsed;
        }
      }
      for (const Argument& argument : node.outputs) {
        for (Index value : argument.values) {
          if (graph.values[value].name.empty() && graph.origin == Origin::kRecorded) continue;  // nobody wants it
          if (state_[value] == kUsed) return Broken("a node uses a value before it is made");
          if (state_[value] == kMade) return Broken("a value is made twice");
          state_[value] = kMade;
        }
      }
    }
    return std::nullopt;
  }

  const Model& model_;
  std::vector<int> depth_;  // by graph; kFree: not yet known to be a root or body
  Index at_ = 0;
  std::vector<uint8_t> state_;  // by value
  std::unordered_set<std::string_view, TextHash> names_;
};

}  // namespace

std::optional<BrokenRule> CheckGraphs(const Model& model) { return Checker(model).Run(); }

}  // namespace pthview
