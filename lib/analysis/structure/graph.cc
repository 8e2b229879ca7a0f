// The inferred graph: the layers of a module tree in the file's order, one after the other.
#include <algorithm>
#include <deque>
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
  explicit GraphBuilder(Model& model) : model_(model), first_tensor_(model.modules.size(), kNone) {
    // Children come after their parents, so that from the end each is known before its parent asks.
    for (size_t i = model.modules.size(); i-- > 0;) {
      const Module& module = model.modules[i];
      if (!module.tensors.empty()) first_tensor_[i] = std::min(first_tensor_[i], module.tensors.front());
      if (module.parent != kNone)
        first_tensor_[module.parent] = std::min(first_tensor_[module.parent], first_tensor_[i]);
    }
  }

  // The body of `root`, and of every container below it, each in a graph of its own.
  void Build(Index root, Index graph) {
    bodies_.push_back({root, graph});
    while (!bodies_.empty()) {
      Body body = bodies_.front();
      bodies_.pop_front();
      // Built aside: adding blocks to Model::graphs moves the graphs in it.
      Graph built = std::move(model_.graphs[body.graph]);
      FillBody(body.module, built);
      model_.graphs[body.graph] = std::move(built);
    }
  }

 private:
  struct Body {
    Index module;
    Index graph;
  };

  // A module is drawn as one node without a body when it has no children, or when a guess accounts for all below it.
  bool IsLayer(const Module& module) const {
    return module.children.empty() || (module.origin == Origin::kInferred && !module.class_name.empty());
  }

  void FillBody(Index index, Graph& graph) {
    const Module& module = model_.modules[index];
    chain_ = 0;
    current_ = AddValue(graph, NextName(), kNone);
    graph.inputs = {current_};
    if (IsLayer(module) && !module.class_name.empty()) {
      AddModule(graph, index);
    } else {
      FillContainer(graph, module);
    }
    graph.outputs = {current_};
  }

  void FillContainer(Graph& graph, const Module& module) {
    graph.nodes.reserve(module.children.size() + module.tensors.size());
    names_.clear();
    if (!module.tensors.empty()) {  // a tensor may be called as a child is
      for (Index child : module.children) names_.insert(model_.modules[child].name);
    }
    size_t own = 0;
    for (Index child : module.children) {
      Index before = first_tensor_[child];
      while (before != kNone && own < module.tensors.size() && module.tensors[own] < before) {
        AddParameter(graph, module, module.tensors[own++]);
      }
      AddModule(graph, child);
    }
    while (own < module.tensors.size()) AddParameter(graph, module, module.tensors[own++]);
  }

  void AddModule(Graph& graph, Index index) {
    const Module& module = model_.modules[index];
    OpName op = OpOf(module);
    Node node{
        .name = std::string(module.name), .domain = std::move(op.domain), .op = std::move(op.op), .module = index};
    node.attributes = module.attributes;
    if (node.name.empty()) node.name = node.op;  // a root that is a layer itself
    node.inputs.push_back({"input", {current_}});
    if (IsLayer(module)) {
      AddWeights(graph, node, index, PathBytes(module));
    } else {
      auto block = static_cast<Index>(model_.graphs.size());
      model_.graphs.push_back({.name = std::string(module.name), .origin = Origin::kInferred, .part = graph.part});
      node.blocks.push_back(block);
      bodies_.push_back({index, block});
    }
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

  void AddParameter(Graph& graph, const Module& module, Index tensor) {
    std::string name = LastSteps(tensor, PathBytes(module));
    while (names_.contains(name)) name += '\'';
    Node node{.name = name, .op = "Parameter"};
    node.inputs.push_back({"input", {current_}});
    node.inputs.push_back({"value", {AddValue(graph, WeightName(tensor), tensor)}});
    Append(graph, std::move(node));
  }

  void Append(Graph& graph, Node node) {
    current_ = AddValue(graph, NextName(), kNone);
    node.outputs.push_back({"output", {current_}});
    graph.nodes.push_back(std::move(node));
  }

  static size_t PathBytes(const Module& module) { return module.parent == kNone ? 0 : module.path.size() + 1; }

  // A tensor's name without the `skip` bytes of its module's path.
  std::string LastSteps(Index tensor, size_t skip) const {
    std::string_view name = NameInPart(model_, model_.tensors[tensor]);
    if (skip < name.size()) return std::string(name.substr(skip));
    return std::string(name.substr(name.rfind('.') + 1));
  }

  // A tensor may be called as a value of the chain is ("x1").
  std::string WeightName(Index tensor) const {
    std::string name(model_.tensors[tensor].name);
    bool as_chain = name.size() > 1 && name[0] == 'x' &&
                    std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
    return as_chain ? name + '\'' : name;
  }

  std::string NextName() { return "x" + std::to_string(chain_++); }

  static Index AddValue(Graph& graph, std::string name, Index tensor) {
    graph.values.push_back({.name = std::move(name), .tensor = tensor});
    return static_cast<Index>(graph.values.size() - 1);
  }

  Model& model_;
  std::vector<Index> first_tensor_;  // of each module, its own or below it; kNone: it has none
  std::deque<Body> bodies_;
  std::unordered_set<std::string_view, TextHash> names_;  // of the children of the container being filled
  size_t chain_ = 0;
  Index current_ = 0;
};

bool HasGraph(const Model& model, Index part) {
  return std::any_of(model.graph_roots.begin(), model.graph_roots.end(),
                     [&](Index root) { return model.graphs[root].part == part; });
}

}  // namespace

void InferGraphs(Model& model) {
  InferModules(model);
  // Top-level graphs first, then their blocks.
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
         "the graph shows the layers in the order in which the file names them; that each feeds the "
         "next is assumed"});
  }
  if (roots.empty()) return;
  GraphBuilder builder(model);
  for (auto [root, graph] : roots) builder.Build(root, graph);
}

}  // namespace pthview
