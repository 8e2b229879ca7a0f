// The inferred graph: the layers of a module tree in the file's order, and the edges that something speaks for.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "lib/analysis/structure/flow.h"
#include "lib/analysis/structure/flow_plan.h"
#include "lib/analysis/structure/module_tree.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

// "torch.nn.modules.conv.Conv2d" and TorchScript's "__torch__.torch.nn.modules.conv.Conv2d" are Conv2d of torch.nn.
struct OpName {
  std::string domain;
  std::string op;
};

OpName OpOf(const Module& module) {
  std::string_view name = module.class_name;
  if (name.empty()) return {"", "Module"};
  if (name.starts_with("__torch__.")) name.remove_prefix(std::string_view("__torch__.").size());
  size_t dot = name.rfind('.');
  std::string op(name.substr(dot == std::string_view::npos ? 0 : dot + 1));
  // An inferred class without a module path is one of torch.nn's.
  if (dot == std::string_view::npos) return {module.origin == Origin::kInferred ? "torch.nn" : "", op};
  std::string_view domain = name.substr(0, dot);
  return {std::string(domain.starts_with("torch.nn.") ? "torch.nn" : domain), op};
}

// A flow and the layers that it does not reach, as a Graph.
class GraphBuilder {
 public:
  GraphBuilder(Model& model, Graph& graph) : model_(model), graph_(graph) {}

  // A node for each layer below `root`, and for each tensor that a container holds itself, in the file's order as far
  // as the flow lets them stand in it.
  void Build(Index root) {
    flow_ = InferFlow(model_, root);
    graph_.evidence = std::move(flow_.evidence);
    flow_node_of_.assign(model_.modules.size() - root, kNone);
    for (size_t i = 0; i < flow_.nodes.size(); ++i) {
      const FlowNode& node = flow_.nodes[i];
      if (node.module != kNone && node.operation.empty()) flow_node_of_[node.module - root] = static_cast<Index>(i);
    }
    values_.assign(flow_.nodes.size(), kNone);
    into_.assign(flow_.nodes.size(), {0, 0});
    for (size_t i = 0; i < flow_.edges.size(); ++i) {
      auto& [first, last] = into_[flow_.edges[i].to];
      if (first == last) first = static_cast<Index>(i);
      last = static_cast<Index>(i + 1);
    }
    std::vector<bool> joined(flow_.nodes.size());
    for (const FlowEdge& edge : flow_.edges) joined[edge.from] = joined[edge.to] = true;
    if (!joined.empty() && joined[0] && flow_.nodes[0].module == kNone) {
      values_[0] = AddValue("input", kNone);
      graph_.inputs = {values_[0]};
    }
    std::vector<Index> todo = {root};
    while (!todo.empty()) {
      Index index = todo.back();
      todo.pop_back();
      const Module& module = model_.modules[index];
      if (IsLayer(module) && (!module.class_name.empty() || module.parent != kNone)) {
        Place(flow_node_of_[index - root], index);
        continue;
      }
      Index at = flow_node_of_[index - root];
      if (at != kNone && joined[at]) Place(at, index);
      for (Index tensor : module.tensors) AddParameter(index, tensor);
      todo.insert(todo.end(), module.children.rbegin(), module.children.rend());
    }
    for (size_t i = 0; i < flow_.nodes.size(); ++i) {  // operations that nothing follows
      if (values_[i] == kNone && !flow_.nodes[i].operation.empty()) Place(static_cast<Index>(i), kNone);
    }
    if (flow_.output != kNone && joined[flow_.output]) graph_.outputs = {values_[flow_.output]};
  }

 private:
  // What a node takes comes before it, without recursion: a chain may be as long as the file.
  void Place(Index at, Index module) {
    if (at == kNone) {
      Layer(module, kNone);
      return;
    }
    std::vector<Index> stack = {at};
    while (!stack.empty()) {
      Index top = stack.back();
      if (values_[top] != kNone) {
        stack.pop_back();
        continue;
      }
      size_t before = stack.size();
      for (Index i = into_[top].first; i < into_[top].second; ++i) {
        if (values_[flow_.edges[i].from] == kNone) stack.push_back(flow_.edges[i].from);
      }
      if (stack.size() > before) continue;
      stack.pop_back();
      const FlowNode& node = flow_.nodes[top];
      if (node.operation.empty()) {
        Layer(node.module, top);
      } else {
        Operation(node, top);
      }
    }
  }

  void Layer(Index index, Index at) {
    const Module& module = model_.modules[index];
    OpName op = OpOf(module);
    Node node{.domain = std::move(op.domain), .op = std::move(op.op), .module = index};
    node.name = Unique(std::string(module.path.empty() ? node.op : module.path));  // a root may be a layer itself
    node.attributes = module.attributes;
    AddInputs(node, at);
    if (IsLayer(module)) AddWeights(node, index, PathBytes(module));
    Append(std::move(node), at);
  }

  void Operation(const FlowNode& from, Index at) {
    const Module& module = model_.modules[from.module];
    Node node{.op = std::string(from.operation), .module = from.module};
    node.name = Unique(module.path.empty() ? node.op : std::string(module.path) + "." + node.op);
    AddInputs(node, at);
    Append(std::move(node), at);
  }

  void AddInputs(Node& node, Index at) {
    if (at == kNone) return;
    size_t count = 0;
    for (Index i = into_[at].first; i < into_[at].second; ++i) {
      const FlowEdge& edge = flow_.edges[i];
      std::string name = edge.memory ? "memory" : ++count == 1 ? "input" : "input" + std::to_string(count);
      node.inputs.push_back({std::move(name), {values_[edge.from]}, edge.evidence});
    }
  }

  // The tensors of a layer, and of the modules below it that its class accounts for.
  void AddWeights(Node& node, Index index, size_t skip) {
    std::vector<Index> todo = {index};
    while (!todo.empty()) {
      const Module& module = model_.modules[todo.back()];
      todo.pop_back();
      for (Index tensor : module.tensors) {
        node.inputs.push_back({LastSteps(tensor, skip), {AddValue(WeightName(tensor), tensor)}});
      }
      todo.insert(todo.end(), module.children.rbegin(), module.children.rend());
    }
  }

  void AddParameter(Index module, Index tensor) {
    Node node{.name = Unique(LastSteps(tensor, 0)), .op = "Parameter", .module = module};
    node.inputs.push_back({"value", {AddValue(WeightName(tensor), tensor)}});
    Append(std::move(node), kNone);
  }

  void Append(Node node, Index at) {
    Index value = AddValue("x" + std::to_string(made_++), kNone);
    node.outputs.push_back({"output", {value}});
    if (at != kNone) values_[at] = value;
    graph_.nodes.push_back(std::move(node));
  }

  static size_t PathBytes(const Module& module) { return module.parent == kNone ? 0 : module.path.size() + 1; }

  // A tensor's name without the `skip` bytes of its module's path.
  std::string LastSteps(Index tensor, size_t skip) const {
    std::string_view name = NameInPart(model_, model_.tensors[tensor]);
    if (skip < name.size()) return std::string(name.substr(skip));
    return std::string(name.substr(name.rfind('.') + 1));
  }

  // A tensor and a module may have one name.
  std::string Unique(std::string name) {
    while (!taken_.insert(name).second) name += '\'';
    return name;
  }

  // A tensor may be called as another value is ("x1", "input").
  std::string WeightName(Index tensor) const {
    std::string name(model_.tensors[tensor].name);
    bool as_value = name.size() > 1 && name[0] == 'x' &&
                    std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
    return as_value || name == "input" ? name + '\'' : name;
  }

  Index AddValue(std::string name, Index tensor) {
    graph_.values.push_back({.name = std::move(name), .tensor = tensor});
    return static_cast<Index>(graph_.values.size() - 1);
  }

  Model& model_;
  Graph& graph_;
  Flow flow_;
  std::vector<Index> flow_node_of_;                  // by module, from the root on
  std::vector<Index> values_;                        // by node of the flow: the value that it makes, once it is placed
  std::vector<std::pair<Index, Index>> into_;        // by node of the flow: its edges
  std::unordered_set<std::string, TextHash> taken_;  // names of nodes
  size_t made_ = 0;
};

bool HasGraph(const Model& model, Index part) {
  return std::any_of(model.graph_roots.begin(), model.graph_roots.end(),
                     [&](Index root) { return model.graphs[root].part == part; });
}

}  // namespace

void InferGraphs(Model& model) {
  InferModules(model);
  std::vector<std::pair<Index, Index>> roots;
  for (size_t i = 0; i < model.parts.size(); ++i) {
    const Part& part = model.parts[i];
    auto index = static_cast<Index>(i);
    if ((part.kind != PartKind::kModel && part.kind != PartKind::kEma) || part.root == kNone ||
        HasGraph(model, index)) {
      continue;
    }
    auto graph = static_cast<Index>(model.graphs.size());
    model.graphs.push_back({.name = std::string(part.path), .origin = Origin::kInferred, .part = index});
    model.graph_roots.push_back(graph);
    roots.emplace_back(part.root, graph);
    const Module& root = model.modules[part.root];
    if (root.children.empty() && root.tensors.size() <= 1) continue;  // nothing to wire
    model.findings.push_back(
        {Severity::kInfo, "inferred-graph", std::string(part.path),
         "the file records no graph: layers stand in the file's order, which says nothing of what feeds what; arrows "
         "are there only where something speaks for them, and each says what"});
  }
  if (roots.empty()) return;
  for (auto [root, graph] : roots) GraphBuilder(model, model.graphs[graph]).Build(root);
}

}  // namespace pthview
