#include "lib/analysis/graphs/fold.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lib/base/text_hash.h"

namespace pthview {
namespace {

constexpr size_t kDeepestGroup = 64;

// A module around a node. Which call of it is only said of the innermost one.
struct Step {
  Index module = kNone;
  uint32_t call = kNone;

  bool Fits(const Step& other) const {
    return module == other.module && (call == other.call || call == kNone || other.call == kNone);
  }
};
using Chain = std::vector<Step>;  // from the outermost inwards, without the root

class Folder {
 public:
  Folder(const Model& model, const Graph& graph) : model_(model), graph_(graph) {}

  FoldedGraph Fold() && {
    folded_.groups.emplace_back();
    group_of_.assign(graph_.nodes.size(), 0);
    ReadChains();
    PlaceNodes();
    Dissolve();
    Ports();
    return std::move(folded_);
  }

 private:
  Chain ChainOf(const Node& node) const {
    Chain chain;
    for (Index at = node.module; at != kNone && model_.modules[at].parent != kNone; at = model_.modules[at].parent) {
      chain.push_back({at});
    }
    if (!chain.empty()) chain.front().call = node.call;
    std::reverse(chain.begin(), chain.end());
    if (chain.size() > kDeepestGroup) chain.resize(kDeepestGroup);
    return chain;
  }

  static size_t Shared(const Chain& a, const Chain& b) {
    size_t count = 0;
    while (count < std::min(a.size(), b.size()) && a[count].Fits(b[count])) ++count;
    return count;
  }

  // A node that names no module is of what its neighbours share.
  void ReadChains() {
    chains_.resize(graph_.nodes.size());
    Chain next;
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      if (graph_.nodes[i].module != kNone) next = ChainOf(graph_.nodes[i]);
      chains_[i] = next;
    }
    const Chain* before = nullptr;
    for (size_t i = 0; i < chains_.size(); ++i) {
      if (graph_.nodes[i].module == kNone) {
        chains_[i].resize(before == nullptr ? 0 : Shared(*before, chains_[i]));
      }
      before = &chains_[i];
    }
  }

  void PlaceNodes() {
    Chain open;
    std::vector<Index> groups = {0};  // those that are open: the graph itself, then one a step
    for (size_t i = 0; i < chains_.size(); ++i) {
      const Chain& chain = chains_[i];
      size_t shared = Shared(open, chain);
      groups.resize(shared + 1);
      open.resize(shared);
      for (size_t step = 0; step < shared; ++step) {  // what was open may learn which call it is
        if (open[step].call == kNone) open[step].call = chain[step].call;
      }
      open.insert(open.end(), chain.begin() + static_cast<ptrdiff_t>(shared), chain.end());
      for (size_t step = shared; step < chain.size(); ++step) {
        auto group = static_cast<Index>(folded_.groups.size());
        folded_.groups.push_back({.module = chain[step].module,
                                  .call = chain[step].call == kNone ? 0 : chain[step].call,
                                  .parent = groups.back()});
        folded_.groups[groups.back()].items.push_back({.group = group});
        groups.push_back(group);
      }
      folded_.groups[groups.back()].items.push_back({.node = static_cast<Index>(i)});
    }
  }

  // Groups of one item give it to the group around them; then those that are left are numbered anew.
  void Dissolve() {
    std::vector<FoldedGroup>& groups = folded_.groups;
    for (size_t g = groups.size(); g-- > 0;) {  // those inside come first
      for (FoldedItem& item : groups[g].items) {
        if (item.group != kNone && groups[item.group].items.size() == 1 && groups[item.group].items[0].node != kNone) {
          item = groups[item.group].items[0];
        }
      }
    }
    FoldedGraph kept;
    struct Pending {
      Index from;
      Index to;
    };
    kept.groups.push_back(std::move(groups[0]));
    std::vector<Pending> pending = {{0, 0}};
    while (!pending.empty()) {
      Pending at = pending.back();
      pending.pop_back();
      for (size_t i = 0; i < kept.groups[at.to].items.size(); ++i) {
        FoldedItem& item = kept.groups[at.to].items[i];
        if (item.node != kNone) {
          group_of_[item.node] = at.to;
          continue;
        }
        auto to = static_cast<Index>(kept.groups.size());
        Index from = std::exchange(item.group, to);
        FoldedGroup group = std::move(groups[from]);
        group.parent = at.to;
        kept.groups.push_back(std::move(group));
        pending.push_back({from, to});
      }
    }
    folded_ = std::move(kept);
  }

  // Calls `each` with the values that a node takes, weights and absent ones aside.
  template <typename Function>
  void ForEachUse(size_t node, const Function& each) const {
    for (const Argument& argument : graph_.nodes[node].inputs) {
      for (Index value : argument.values) {
        if (graph_.values[value].tensor == kNone && !graph_.values[value].name.empty()) each(value);
      }
    }
    if (!captured_.empty()) {
      for (Index value : captured_[node]) each(value);
    }
  }

  void Ports() {
    captured_ = CapturedValues(model_, graph_);
    std::vector<Index> maker(graph_.values.size(), kNone);  // the group that a value is made in; kNone: an input
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const Argument& argument : graph_.nodes[i].outputs) {
        for (Index value : argument.values) maker[value] = group_of_[i];
      }
    }
    std::vector<size_t> depth(folded_.groups.size(), 0);
    for (size_t g = 1; g < depth.size(); ++g) depth[g] = depth[folded_.groups[g].parent] + 1;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      ForEachUse(i, [&](Index value) { Connect(value, maker[value], group_of_[i], depth); });
    }
    for (Index value : graph_.outputs) Connect(value, maker[value], 0, depth);
  }

  // The groups that a value leaves, and those that it enters.
  void Connect(Index value, Index from, Index to, const std::vector<size_t>& depth) {
    if (from == kNone) from = 0;
    while (from != to) {
      if (depth[from] >= depth[to]) {
        if (Once(from, value, true)) folded_.groups[from].outputs.push_back(value);
        from = folded_.groups[from].parent;
      } else {
        if (Once(to, value, false)) folded_.groups[to].inputs.push_back(value);
        to = folded_.groups[to].parent;
      }
    }
  }

  bool Once(Index group, Index value, bool out) {
    return seen_[out ? 1 : 0].insert(uint64_t{group} << 32 | value).second;
  }

  const Model& model_;
  const Graph& graph_;
  FoldedGraph folded_;
  std::vector<Chain> chains_;    // by node
  std::vector<Index> group_of_;  // by node
  std::vector<std::vector<Index>> captured_;
  std::unordered_set<uint64_t, TextHash> seen_[2];  // group and value: inputs, outputs
};

// The names that a graph, and the bodies in it, use and do not make.
// NOLINTNEXTLINE(misc-no-recursion): kDeepestBlock at most
void FreeNames(const Model& model, const Graph& graph, std::unordered_set<std::string_view, TextHash>& names) {
  std::vector<bool> made(graph.values.size());
  for (Index value : graph.inputs) made[value] = true;
  std::unordered_set<std::string_view, TextHash> inner;
  for (const Node& node : graph.nodes) {
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) made[value] = true;
    }
    for (Index block : node.blocks) FreeNames(model, model.graphs[block], inner);
  }
  for (size_t i = 0; i < made.size(); ++i) {
    const GraphValue& value = graph.values[i];
    if (made[i]) {
      inner.erase(value.name);
    } else if (value.tensor == kNone && !value.name.empty()) {
      names.insert(value.name);
    }
  }
  names.insert(inner.begin(), inner.end());
}

}  // namespace

std::vector<std::vector<Index>> CapturedValues(const Model& model, const Graph& graph) {
  bool any = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return !node.blocks.empty(); });
  if (!any) return {};
  std::vector<std::vector<Index>> captured(graph.nodes.size());
  std::unordered_map<std::string_view, Index, TextHash> by_name;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const GraphValue& value = graph.values[i];
    if (!value.name.empty() && value.tensor == kNone) by_name.emplace(value.name, static_cast<Index>(i));
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    std::unordered_set<std::string_view, TextHash> names;
    for (Index block : graph.nodes[i].blocks) FreeNames(model, model.graphs[block], names);
    for (std::string_view name : names) {
      if (auto found = by_name.find(name); found != by_name.end()) captured[i].push_back(found->second);
    }
    std::sort(captured[i].begin(), captured[i].end());
  }
  return captured;
}

FoldedGraph FoldByModule(const Model& model, const Graph& graph) { return Folder(model, graph).Fold(); }

}  // namespace pthview
