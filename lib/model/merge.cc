#include "lib/model/merge.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/model/path.h"

namespace pthview {
namespace {

// Where the rows of each table begin in the target.
struct Bases {
  Index sources, storages, tensors, components, component_rows, quantizations, modules, graphs;
};

void Move(Index& index, Index base) {
  if (index != kNone) index += base;
}

class Merger {
 public:
  Merger(ModelBuilder& builder, Model& other, const MergeOptions& options)
      : builder_(builder), to_(builder.model()), from_(other), part_(options.part), step_(options.step) {
    if (!options.step.empty()) AppendTextKey(prefix_, options.step);
    auto size = [](const auto& table) { return static_cast<Index>(table.size()); };
    base_ = {size(to_.sources),        size(to_.storages),      size(to_.tensors), size(to_.components),
             size(to_.component_rows), size(to_.quantizations), size(to_.modules), size(to_.graphs)};
  }

  void Run() {
    to_.arena.Adopt(std::move(from_.arena));
    for (auto& source : from_.sources) to_.sources.push_back(std::move(source));
    for (Storage& storage : from_.storages) {
      Move(storage.source, base_.sources);
      to_.storages.push_back(storage);
    }
    MergeParts();
    for (Tensor& tensor : from_.tensors) MergeTensor(tensor, to_.tensors);
    for (Tensor& tensor : from_.components) MergeTensor(tensor, to_.components);
    for (Component& row : from_.component_rows) {
      Move(row.tensor, base_.components);
      to_.component_rows.push_back(row);
    }
    for (Quantization& row : from_.quantizations) {
      Move(row.scales, base_.components);
      Move(row.zero_points, base_.components);
      to_.quantizations.push_back(row);
    }
    for (PlainValue& row : from_.plain) {
      row.path = Prefixed(row.path);
      MovePart(row.part);
      to_.plain.push_back(row);
    }
    MergeModules();
    MergeGraphs();
    MergeContent();
    for (Finding& row : from_.findings) {
      std::string where = prefix_.empty() || row.where.empty() ? row.where : std::string(Join(row.where));
      builder_.Note(row.severity, row.code, where.empty() ? prefix_ : where, std::move(row.text));
    }
  }

 private:
  std::string Join(std::string_view path) const {
    std::string joined = prefix_;
    if (!path.empty() && path.front() != '[') joined += '.';
    return joined.append(path);
  }

  std::string_view Prefixed(std::string_view path) {
    return prefix_.empty() ? path : builder_.arena().Copy(Join(path));
  }

  void MergeParts() {
    for (Part& part : from_.parts) {
      if (part_ != kNone && part.path.empty()) {
        part_of_.push_back(part_);
        Part& into = to_.parts[part_];
        if (into.root == kNone && part.root != kNone) into.root = part.root + base_.modules;
        continue;
      }
      part_of_.push_back(static_cast<Index>(to_.parts.size()));
      part.path = Prefixed(part.path);
      Move(part.root, base_.modules);
      to_.parts.push_back(part);
    }
  }

  void MovePart(Index& part) const {
    if (part != kNone) part = part_of_[part];
  }

  void MergeTensor(Tensor& tensor, std::vector<Tensor>& table) {
    tensor.path = Prefixed(tensor.path);
    Move(tensor.storage, base_.storages);
    Move(tensor.same_as, base_.tensors);
    Move(tensor.state_of, base_.tensors);
    Move(tensor.quantization, base_.quantizations);
    Move(tensor.first_component, base_.component_rows);
    MovePart(tensor.part);
    table.push_back(tensor);
  }

  void MergeModules() {
    for (Module& module : from_.modules) {
      Move(module.parent, base_.modules);
      for (Index& child : module.children) Move(child, base_.modules);
      for (Index& tensor : module.tensors) Move(tensor, base_.tensors);
      to_.modules.push_back(std::move(module));
    }
  }

  void MoveRows(AttributeValue& value) {  // NOLINT(misc-no-recursion): no deeper than kDeepestAttribute
    if (auto* tensor = std::get_if<TensorValue>(&value.of)) Move(tensor->tensor, base_.tensors);
    if (auto* graph = std::get_if<GraphReference>(&value.of)) Move(graph->graph, base_.graphs);
    if (auto* list = std::get_if<ListValue>(&value.of)) {
      for (AttributeValue& item : list->items) MoveRows(item);
    }
    if (auto* dict = std::get_if<DictValue>(&value.of)) {
      for (AttributeValue& item : dict->items) MoveRows(item);
    }
  }

  void MergeGraphs() {
    for (Graph& graph : from_.graphs) {
      MovePart(graph.part);
      for (GraphValue& value : graph.values) Move(value.tensor, base_.tensors);
      for (Node& node : graph.nodes) {
        Move(node.module, base_.modules);
        for (Index& block : node.blocks) Move(block, base_.graphs);
        for (Attribute& attribute : node.attributes) MoveRows(attribute.value);
      }
      for (Mutation& mutation : graph.mutations) Move(mutation.tensor, base_.tensors);
      to_.graphs.push_back(std::move(graph));
    }
    for (Index root : from_.graph_roots) to_.graph_roots.push_back(root + base_.graphs);
  }

  // Members of a bag stand in a dict by their names. Shards have no tree of the whole.
  void MergeContent() {
    if (part_ != kNone || !from_.content.given || (prefix_.empty() && to_.content.given)) {
      to_.content = {};
      return;
    }
    Content& to = to_.content;
    const auto nodes = static_cast<uint32_t>(to.nodes.size());
    auto moved = [&](ContentValue value) {
      if (value.kind == ContentKind::kTensor) value.index += base_.tensors;
      if (HasItems(value.kind)) value.index += nodes;
      return value;
    };
    for (ContentNode node : from_.content.nodes) {
      node.first += to.items.size();
      if (node.attributes != ContentNode::kNoNode) node.attributes += nodes;
      to.nodes.push_back(node);
    }
    to.items.reserve(to.items.size() + from_.content.items.size());
    for (ContentValue item : from_.content.items) to.items.push_back(moved(item));
    ContentValue root = moved(from_.content.root);
    if (!prefix_.empty()) {
      const bool more = to.given;
      const std::vector<ContentValue> before =
          more ? std::vector<ContentValue>(to.ItemsOf(to.root).begin(), to.ItemsOf(to.root).end())
               : std::vector<ContentValue>();
      const uint32_t node = to.AddNode(ContentKind::kDict, static_cast<uint32_t>(before.size() + 2));
      auto at = std::copy(before.begin(), before.end(), to.items.begin() + static_cast<int64_t>(to.nodes[node].first));
      *at++ = ContentValue::OfText(ContentKind::kString, builder_.arena().Copy(step_));
      *at = root;
      root = ContentValue::At(ContentKind::kDict, node);
    }
    to.root = root;
    to.given = true;
  }

  ModelBuilder& builder_;
  Model& to_;
  Model& from_;
  Index part_;
  std::string_view step_;
  Bases base_;
  std::string prefix_;
  std::vector<Index> part_of_;  // by part of the other model
};

}  // namespace

void Merge(ModelBuilder& builder, Model other, const MergeOptions& options) { Merger(builder, other, options).Run(); }

}  // namespace pthview
