// The inferred graph: the layers of a module tree in the file's order.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

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

class GraphBuilder {
 public:
  explicit GraphBuilder(Model& model) : model_(model) {}

  // A node for each layer below `root`, and for each tensor that a container holds itself, in the file's order.
  void Build(Index root, Graph& graph) {
    taken_.clear();
    chain_ = 0;
    std::vector<Index> todo = {root};
    while (!todo.empty()) {
      Index index = todo.back();
      todo.pop_back();
      const Module& module = model_.modules[index];
      if (IsLayer(module) && (!module.class_name.empty() || module.parent != kNone)) {
        AddLayer(graph, index);
        continue;
      }
      for (Index tensor : module.tensors) AddParameter(graph, index, tensor);
      todo.insert(todo.end(), module.children.rbegin(), module.children.rend());
    }
  }

 private:
  // A module is drawn as one node when it has no children, or when a guess accounts for all below it.
  bool IsLayer(const Module& module) const {
    return module.children.empty() || (module.origin == Origin::kInferred && !module.class_name.empty());
  }

  void AddLayer(Graph& graph, Index index) {
    const Module& module = model_.modules[index];
    OpName op = OpOf(module);
    Node node{.domain = std::move(op.domain), .op = std::move(op.op), .module = index};
    node.name = Unique(std::string(module.path.empty() ? node.op : module.path));  // a root may be a layer itself
    node.attributes = module.attributes;
    AddWeights(graph, node, index, PathBytes(module));
    Append(graph, std::move(node));
  }

  // The tensors of a layer, and of the modules below it that its class accounts for.
  void AddWeights(Graph& graph, Node& node, Index index, size_t skip) {
    std::vector<Index> todo = {index};
    while (!todo.empty()) {
      const Module& module = model_.modules[todo.back()];
      todo.pop_back();
      for (Index tensor : module.tensors) {
        node.inputs.push_back({LastSteps(tensor, skip), {AddValue(graph, WeightName(tensor), tensor)}});
      }
      todo.insert(todo.end(), module.children.rbegin(), module.children.rend());
    }
  }

  void AddParameter(Graph& graph, Index module, Index tensor) {
    Node node{.name = Unique(LastSteps(tensor, 0)), .op = "Parameter", .module = module};
    node.inputs.push_back({"value", {AddValue(graph, WeightName(tensor), tensor)}});
    Append(graph, std::move(node));
  }

  void Append(Graph& graph, Node node) {
    node.outputs.push_back({"output", {AddValue(graph, "x" + std::to_string(chain_++), kNone)}});
    graph.nodes.push_back(std::move(node));
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

  // A tensor may be called as a value is ("x1").
  std::string WeightName(Index tensor) const {
    std::string name(model_.tensors[tensor].name);
    bool as_value = name.size() > 1 && name[0] == 'x' &&
                    std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
    return as_value ? name + '\'' : name;
  }

  static Index AddValue(Graph& graph, std::string name, Index tensor) {
    graph.values.push_back({.name = std::move(name), .tensor = tensor});
    return static_cast<Index>(graph.values.size() - 1);
  }

  Model& model_;
  std::unordered_set<std::string, TextHash> taken_;  // names of nodes
  size_t chain_ = 0;
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
  GraphBuilder builder(model);
  for (auto [root, graph] : roots) builder.Build(root, model.graphs[graph]);
}

}  // namespace pthview
