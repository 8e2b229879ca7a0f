#include "lib/analysis/structure/flow_plan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/structure/flow_pattern.h"
#include "lib/analysis/structure/numbered_names.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

constexpr int kDeepest = 48;         // modules wired inside each other; what lies deeper stays without arrows
constexpr size_t kMostNamed = 4096;  // children of a module that a row of the table is tried on

// Lists whose numbered members stand side by side, each given the same, or each something else.
constexpr auto kSideBySide = std::to_array<std::string_view>(
    {"expert",   "head",      "branch", "codebook",     "adapter",      "level",         "lateral",
     "tower",    "quantizer", "embed",  "output_conv",  "scale",        "emb",           "pred",
     "cls",      "reg",       "bbox",   "inner_blocks", "layer_blocks", "fpn",           "lora",
     "aux",      "proj_out",  "heads",  "modulelist",   "to_",          "ups",           "resblocks_",
     "parallel", "ensemble",  "models", "convs",        "fuse",         "discriminators"});
// And those whose members follow each other.
constexpr auto kInARow = std::to_array<std::string_view>(
    {"layers", "layer",      "blocks",    "block",   "h",           "stages", "features",   "net",      "model", "body",
     "trunk",  "main",       "resblocks", "mlp",     "classifier",  "head",   "downsample", "shortcut", "conv",  "fc",
     "seq",    "sequential", "encoder",   "decoder", "conv_layers", "stem",   "ffn",        "ff"});

bool Contains(std::span<const std::string_view> words, std::string_view text) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return text == word; });
}
bool AnyInside(std::span<const std::string_view> words, std::string_view text) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return text.find(word) != text.npos; });
}

class Planner {
 public:
  Planner(const Model& model, Index root, Index end)
      : model_(model), root_(root), plans_(end - root), heavy_(plans_.size()) {}

  std::vector<FlowPlan> Plan() && {
    LookAtOrder();
    for (size_t i = plans_.size(); i-- > 0;) {
      const Module& module = model_.modules[root_ + i];
      if (!module.tensors.empty()) heavy_[i] = true;
      if (heavy_[i] && module.parent != kNone && module.parent >= root_) heavy_[module.parent - root_] = true;
    }
    for (size_t i = plans_.size(); i-- > 0;) PlanModule(static_cast<Index>(root_ + i));
    return std::move(plans_);
  }

 private:
  const Module& At(Index module) const { return model_.modules[module]; }
  FlowPlan& Of(Index module) { return plans_[module - root_]; }
  bool Heavy(Index module) const { return heavy_[module - root_]; }  // has tensors, itself or below

  // Names in the order of their bytes: a file that sorts them, and says nothing of the order of definition.
  void LookAtOrder() {
    std::string_view before;
    Index part = kNone;
    for (size_t i = 0; i < plans_.size() && sorted_; ++i) {
      for (Index tensor : At(static_cast<Index>(root_ + i)).tensors) part = model_.tensors[tensor].part;
      if (part != kNone) break;
    }
    for (const Tensor& tensor : model_.tensors) {
      if (tensor.part != part || !sorted_) continue;
      sorted_ = before <= tensor.name;
      before = tensor.name;
    }
  }

  void PlanModule(Index index) {
    const Module& module = At(index);
    FlowPlan& plan = Of(index);
    if (IsLayer(module)) {
      plan.kind = FlowPlan::Kind::kLayer;
      plan.layer = WidthOf(model_, module);
      plan.in = plan.layer.in;
      plan.out = plan.layer.out;
      return;
    }
    std::vector<Index> children;
    for (Index child : module.children) {
      if (Heavy(child)) children.push_back(child);
    }
    bool done = Recorded(index, plan) || (children.size() <= kMostNamed && Patterns(index, plan)) ||
                Numbered(index, children, plan) || Wrapper(index, children, plan) || Sizes(index, children, plan) ||
                Alternating(index, children, plan) || Joined(index, children, plan);
    if (!done) plan = {};
  }

  // ---- Chains ----

  FlowPlan Chain(std::span<const Index> children, Evidence evidence) {
    FlowPlan plan{.evidence = std::move(evidence)};
    plan.steps.resize(kFixedSteps);
    uint32_t before = kInStep;
    for (Index child : children) {
      auto at = static_cast<uint32_t>(plan.steps.size());
      plan.steps.push_back({.module = child});
      plan.links.push_back({before, at});
      bool layer = Of(child).kind == FlowPlan::Kind::kLayer;
      if (!layer) plan.links.push_back({kMemStep, at, true, true});
      before = at;
    }
    plan.links.push_back({before, kOutStep});
    return plan;
  }

  bool Take(Index index, FlowPlan candidate, FlowPlan& plan, FlowWhen when = FlowWhen::kAlways) {
    if (!Sized(candidate) || candidate.depth > kDeepest) return false;
    if (when != FlowWhen::kAlways && !Holds(when, index, candidate)) return false;
    candidate.kind = FlowPlan::Kind::kWired;
    if (when == FlowWhen::kJoin) {
      candidate.joins = Of(LastCalled(candidate)).in.size - Of(candidate.steps[kFixedSteps].module).out.size;
    }
    plan = std::move(candidate);
    return true;
  }

  // ---- What rows ask for beside names ----

  bool Holds(FlowWhen when, Index index, const FlowPlan& plan) {
    bool known = plan.in.size > 0 && plan.out.size > 0;
    bool same = known && plan.in.size == plan.out.size;
    switch (when) {
      case FlowWhen::kAlways: return true;
      case FlowWhen::kSameWidth: return same;
      case FlowWhen::kOtherWidth: return known && !same;
      case FlowWhen::kPreActivation: return sorted_ ? Votes() < 0 : NormBeforeConvolution(index);
      case FlowWhen::kPostActivation:
        return sorted_ ? Votes() > 0 || (Votes() == 0 && HasBatchNorm(index)) : !NormBeforeConvolution(index);
      case FlowWhen::kConvolutions: return BeginsWithConvolution(plan.steps[kFixedSteps].module);
      case FlowWhen::kNarrowConvolution: {
        const FlowPlan& first = Of(plan.steps[kFixedSteps].module);
        return first.layer.kind == LayerKind::kConvolution && first.out.size > 0 && first.out.size < first.in.size;
      }
      case FlowWhen::kChannelAttention: {
        const FlowPlan& first = Of(plan.steps[kFixedSteps].module);
        return first.layer.kind == LayerKind::kConvolution && first.in.size == 1 && first.out.size == 1;
      }
      case FlowWhen::kInvertedSame: return same && Inverted(plan.steps[kFixedSteps].module);
      case FlowWhen::kInvertedOther: return known && !same && Inverted(plan.steps[kFixedSteps].module);
      case FlowWhen::kConvNeXt: {
        const std::vector<Index>& layers = At(plan.steps[kFixedSteps].module).children;
        return same && layers.size() > 2 && Depthwise(layers.front()) &&
               Of(layers.back()).layer.kind == LayerKind::kLinear;
      }
      case FlowWhen::kHalves: return Of(plan.steps[kFixedSteps].module).out.size == 2 * Of(LastCalled(plan)).in.size;
      case FlowWhen::kContainers:
        return std::all_of(plan.steps.begin() + kFixedSteps, plan.steps.end(),
                           [&](const PlanStep& step) { return step.module != kNone && !IsLayer(At(step.module)); });
      case FlowWhen::kJoin:
        return Of(LastCalled(plan)).in.size > Of(plan.steps[kFixedSteps].module).out.size &&
               Of(plan.steps[kFixedSteps].module).out.size > 0;
      case FlowWhen::kSppf: return Of(LastCalled(plan)).in.size == 4 * Of(plan.steps[kFixedSteps].module).out.size;
      case FlowWhen::kFinalNorm: {
        Index list = At(index).parent;
        Index around = list == kNone ? kNone : At(list).parent;
        if (around == kNone || around < root_) return false;
        const std::vector<Index>& beside = At(around).children;
        return beside.size() <= kMostNamed && std::any_of(beside.begin(), beside.end(), [&](Index child) {
                 return At(child).name == "layer_norm" || At(child).name == "final_layer_norm";
               });
      }
    }
    return false;
  }

  // Of blocks with a conv1 and a norm1 whose widths tell which is first: above 0 where it is conv1, below where it is
  // norm1; 0 where none tells, or they do not agree. Looked at once.
  int Votes() {
    if (voted_) return votes_;
    voted_ = true;
    bool before = false;
    bool after = false;
    for (size_t i = 0; i < plans_.size(); ++i) {
      const Module& module = At(static_cast<Index>(root_ + i));
      if (module.children.size() > 16) continue;
      LayerWidth conv;
      LayerWidth norm;
      for (Index child : module.children) {
        if (At(child).name == "conv1" && IsLayer(At(child))) conv = WidthOf(model_, At(child));
        if ((At(child).name == "norm1" || At(child).name == "bn1") && IsLayer(At(child)))
          norm = WidthOf(model_, At(child));
      }
      if (conv.kind != LayerKind::kConvolution || norm.kind != LayerKind::kNorm || conv.in.size == conv.out.size)
        continue;
      before |= norm.in.size == conv.in.size;
      after |= norm.in.size == conv.out.size;
    }
    if (before != after) votes_ = after ? 1 : -1;
    return votes_;
  }

  bool HasBatchNorm(Index index) {
    const std::vector<Index>& children = At(index).children;
    return std::any_of(children.begin(), children.end(),
                       [&](Index child) { return At(child).class_name.find("BatchNorm") != std::string_view::npos; });
  }

  bool BeginsWithConvolution(Index index) {
    for (int i = 0; i < kDeepest && !IsLayer(At(index)); ++i) {
      if (At(index).children.empty()) return false;
      index = At(index).children.front();
    }
    return IsLayer(At(index)) && Of(index).layer.kind == LayerKind::kConvolution;
  }

  static Index LastCalled(const FlowPlan& plan) {
    Index last = kNone;
    for (const PlanStep& step : plan.steps) last = step.module != kNone ? step.module : last;
    return last;
  }

  bool NormBeforeConvolution(Index index) {
    for (Index child : At(index).children) {
      if (Of(child).layer.kind == LayerKind::kNorm) return true;
      if (Of(child).layer.kind == LayerKind::kConvolution) return false;
    }
    return false;
  }

  bool Depthwise(Index index) {
    const FlowPlan& plan = Of(index);
    if (plan.kind != FlowPlan::Kind::kLayer || plan.layer.kind != LayerKind::kConvolution) return false;
    const Module& module = At(index);
    if (module.tensors.empty()) return false;
    std::span<const int64_t> weight = model_.tensors[module.tensors[0]].shape;
    return weight.size() >= 3 && weight[1] == 1 && weight[0] > 1;
  }

  // MobileNet's and EfficientNet's lists: convolutions with their norms, one of them depthwise, or fused ones that are
  // lists of their own.
  bool Inverted(Index list) {
    const std::vector<Index>& items = At(list).children;
    if (items.empty() || items.size() > 16) return false;
    bool depthwise = false;
    bool fused = At(list).name == "block";
    for (Index item : items) {
      if (!Heavy(item)) continue;
      depthwise |= Depthwise(item);
      fused &= Of(item).kind == FlowPlan::Kind::kWired;
      if (Of(item).layer.kind == LayerKind::kLinear) return false;
      if (At(item).children.size() > 4) return false;
      for (Index layer : At(item).children) depthwise |= Depthwise(layer);
    }
    return depthwise || fused;
  }

  // torch.nn.Sequential calls its children one after the other, whatever their sizes.
  bool Recorded(Index index, FlowPlan& plan) {
    const Module& module = At(index);
    if (module.origin != Origin::kRecorded || module.class_name.empty() || module.children.empty()) return false;
    if (!module.class_name.ends_with("torch.nn.modules.container.Sequential")) return false;
    FlowPlan chain = Chain(module.children, {EvidenceKind::kClass, "torch.nn.Sequential calls its modules in turn"});
    if (!Sized(chain)) chain.in = chain.out = {};
    if (chain.depth > kDeepest) return false;
    chain.kind = FlowPlan::Kind::kWired;
    plan = std::move(chain);
    return true;
  }

  // A module that holds one other and no tensor beside it hands through.
  bool Wrapper(Index index, const std::vector<Index>& children, FlowPlan& plan) {
    if (children.size() != 1 || At(children[0]).name == "fn") return false;
    if (Of(children[0]).kind == FlowPlan::Kind::kOpaque) return false;
    return Take(index, Chain(children, {EvidenceKind::kPattern, "a module around one other"}), plan);
  }

  // Numbered children: "0", "1", ...; "layer1", "layer2", ...; "block1-0".
  bool Numbered(Index index, std::vector<Index> children, FlowPlan& plan) {
    if (children.empty()) return false;
    std::string_view stem = NameStem(At(children[0]).name);
    for (Index child : children) {
      if (NameStem(At(child).name) != stem || !EndsWithNumber(At(child).name)) return false;
      if (Of(child).kind == FlowPlan::Kind::kOpaque) return false;
    }
    std::stable_sort(children.begin(), children.end(),
                     [&](Index a, Index b) { return NaturalLess(At(a).name, At(b).name); });
    std::string_view label = stem.empty() ? Label(index) : stem;
    if (Dense(index, children, plan)) return true;
    FlowPlan chain = Chain(children, {});
    if (!Sized(chain)) return false;
    bool residual = true;
    bool layers = true;
    bool same_kind = true;
    bool same_width = true;
    bool gaps = false;
    for (size_t i = 0; i < children.size(); ++i) {
      const FlowPlan& child = Of(children[i]);
      residual &= child.residual;
      layers &= child.kind == FlowPlan::Kind::kLayer;
      same_kind &= child.layer.kind == Of(children[0]).layer.kind && child.kind == Of(children[0]).kind;
      same_width &= child.in.size == Of(children[0]).in.size && child.out.size == child.in.size;
      gaps |= i > 0 && NumberOf(At(children[i]).name) > NumberOf(At(children[i - 1]).name) + 1;
      if (child.kind == FlowPlan::Kind::kLayer && child.layer.kind == LayerKind::kOther && child.in.size == 0)
        return false;
    }
    bool side = AnyInside(kSideBySide, label);
    if (children.size() > 1) {
      if (same_width && !residual) {
        if (side) return false;
        if (same_kind && !gaps && !Contains(kInARow, label)) return false;
      }
      if (residual && same_width && (label.find("expert") != label.npos)) return false;
      if (!same_width && side && same_kind && !residual) return false;
    }
    if (residual) {
      chain.evidence = {EvidenceKind::kPattern,
                        fmt::format("a stack of {} like blocks, each adding to what it is given", children.size())};
    } else if (!same_width && layers) {
      chain.evidence = {EvidenceKind::kShapes, fmt::format("numbered layers whose sizes chain: {}", Sizes(children))};
    } else {
      chain.evidence = {EvidenceKind::kPattern,
                        fmt::format("numbered modules, each as wide as the next takes: {}", Sizes(children))};
    }
    chain.numbered = same_kind ? children.size() : 0;
    return Take(index, std::move(chain), plan);
  }

  std::string Sizes(std::span<const Index> children) {
    std::string text;
    for (size_t i = 0; i < children.size() && i < 6; ++i) {
      const FlowPlan& child = Of(children[i]);
      text += fmt::format("{}{}>{}", i == 0 ? "" : ", ", child.in.size, child.out.size);
    }
    return children.size() > 6 ? text + ", ..." : text;
  }

  // The module's own name, or where that is a number the name of what holds it.
  std::string_view Label(Index index) const {
    while (index != kNone && EndsWithNumber(At(index).name) && NameStem(At(index).name).empty())
      index = At(index).parent;
    return index == kNone ? std::string_view() : At(index).name;
  }

  // A dense block: each module takes what all before it have made, so that widths grow by what each adds.
  bool Dense(Index index, std::span<const Index> children, FlowPlan& plan) {
    if (children.size() < 2) return false;
    for (size_t i = 0; i + 1 < children.size(); ++i) {
      const FlowPlan& child = Of(children[i]);
      if (child.in.size <= 0 || child.out.size <= 0 || child.in.size == child.out.size) return false;
      if (Of(children[i + 1]).in.size != child.in.size + child.out.size) return false;
    }
    FlowPlan dense{.evidence = {EvidenceKind::kShapes,
                                "dense block: each takes what it was given and what all before it made, "
                                "as their widths add up: " +
                                    Sizes(children)}};
    dense.steps.resize(kFixedSteps);
    uint32_t before = kInStep;
    for (Index child : children) {
      auto at = static_cast<uint32_t>(dense.steps.size());
      dense.steps.push_back({.module = child});
      dense.steps.push_back({.operation = "~cat"});
      dense.links.push_back({before, at});
      dense.links.push_back({before, at + 1});
      dense.links.push_back({at, at + 1});
      before = at + 1;
    }
    dense.links.push_back({before, kOutStep});
    return Take(index, std::move(dense), plan);
  }

  // Children of any names whose sizes chain in one way only: each width is made by one and taken by one of them. A
  // convolution's output may be flattened on the way into a Linear.
  bool Sizes(Index index, const std::vector<Index>& children, FlowPlan& plan) {
    constexpr size_t kMost = 64;
    if (children.size() < 2 || children.size() > kMost) return false;
    std::unordered_map<int64_t, size_t> makers;
    std::unordered_map<int64_t, Index> takers;
    std::unordered_map<int64_t, std::vector<Index>> keepers;  // as wide out as in
    Index first = kNone;
    for (Index child : children) {
      const FlowPlan& row = Of(child);
      if (row.kind == FlowPlan::Kind::kOpaque || row.out.size == 0 || row.joins > 0) return false;
      if (row.layer.kind == LayerKind::kEmbedding || row.in.size <= 0) {
        if (first != kNone || row.layer.kind != LayerKind::kEmbedding) return false;
        first = child;
        ++makers[row.out.size];
        continue;
      }
      bool of_one = row.in.other == 1 && child == children[0] && !sorted_;  // a first convolution, of one channel
      if (row.in.size == row.out.size && !of_one) {
        keepers[row.out.size].push_back(child);
        continue;
      }
      ++makers[row.out.size];
      if (!takers.try_emplace(of_one ? 1 : row.in.size, child).second) return false;
    }
    std::vector<int64_t> unmade;
    for (auto [width, child] : takers) {
      if (!makers.contains(width)) unmade.push_back(width);
    }
    std::vector<Index> order;
    int64_t at = 0;
    if (first != kNone) {
      order.push_back(first);
      at = Of(first).out.size;
    } else {
      for (int64_t width : unmade) {
        if (unmade.size() > 1 && FirstIsLinear(Of(takers[width]))) continue;
        if (at != 0) return false;
        at = width;
      }
    }
    if (at == 0) return false;
    while (order.size() <= children.size()) {
      if (auto keep = keepers.find(at); keep != keepers.end()) {
        if (keep->second.size() > 1) return false;
        order.push_back(keep->second[0]);
      }
      auto next = takers.find(at);
      if (next == takers.end() && !order.empty() && Of(order.back()).out.image) {
        for (int64_t width : unmade) {
          if (width % at != 0 || !FirstIsLinear(Of(takers[width]))) continue;
          if (next != takers.end()) return false;
          next = takers.find(width);
        }
      }
      if (next == takers.end()) break;
      if (makers[Of(next->second).out.size] > 1) return false;
      order.push_back(next->second);
      at = Of(next->second).out.size;
    }
    if (order.size() != children.size()) return false;
    // The order of definition has to agree; where a file is sorted, the chain has to begin where models begin.
    const FlowPlan& head = Of(order[0]);
    bool begins = head.layer.kind == LayerKind::kEmbedding || head.in.size <= 4;
    if (sorted_ ? !begins : order != children) return false;
    return Take(index, Chain(order, {EvidenceKind::kShapes, "sizes chain in this way only: " + Sizes(order)}), plan);
  }

  // Layers in the order of definition, each convolution or Linear with its norm behind it, whose widths chain.
  bool Alternating(Index index, const std::vector<Index>& children, FlowPlan& plan) {
    if (sorted_ || children.size() < 2 || children.size() % 2 != 0 || children.size() > 16) return false;
    for (size_t i = 0; i < children.size(); ++i) {
      const FlowPlan& child = Of(children[i]);
      bool norm = child.layer.kind == LayerKind::kNorm;
      bool maker = child.layer.kind == LayerKind::kConvolution || child.layer.kind == LayerKind::kLinear;
      if (child.kind != FlowPlan::Kind::kLayer || (i % 2 == 0 ? !maker : !norm)) return false;
    }
    return Take(index,
                Chain(children, {EvidenceKind::kShapes, "layers, each with its normalization: " + Sizes(children)}),
                plan);
  }

  // A U-Net: widths chain in the order of definition, but for modules that take more, by as much as one before has
  // made: the last such one that nothing has been joined with.
  bool Joined(Index index, std::vector<Index> children, FlowPlan& plan) {
    constexpr size_t kMost = 64;
    if (children.size() < 4 || children.size() > kMost) return false;
    if (sorted_) {
      std::stable_sort(children.begin(), children.end(),
                       [&](Index a, Index b) { return NaturalLess(At(a).name, At(b).name); });
      std::stable_partition(children.begin(), children.end(),
                            [&](Index child) { return !At(child).name.starts_with("out"); });
      std::stable_partition(children.begin(), children.end(), [&](Index child) { return Of(child).in.size <= 4; });
    }
    FlowPlan joined{.evidence = {EvidenceKind::kShapes, ""}};
    joined.steps.resize(kFixedSteps);
    uint32_t before = kInStep;
    int64_t width = 0;
    size_t joins = 0;
    std::vector<std::pair<uint32_t, int64_t>> open;  // steps and their widths
    for (Index child : children) {
      const FlowPlan& row = Of(child);
      if (row.kind == FlowPlan::Kind::kOpaque || row.in.size <= 0 || row.out.size <= 0) return false;
      auto at = static_cast<uint32_t>(joined.steps.size());
      joined.steps.push_back({.module = child});
      bool fits = width == 0 || Unify(Width{width}, row.in);
      int64_t missing = row.joins > 0 ? row.joins : fits ? 0 : row.in.size - width;
      if (missing < 0 || (row.joins > 0 && !fits)) {
        bool swapped = row.layer.swappable && row.layer.out.size == width;
        if (!swapped) return false;
        missing = 0;
      }
      int64_t made = row.layer.swappable && width > 0 && row.layer.out.size == width && row.layer.in.size != width
                         ? row.layer.in.size
                         : row.out.size;
      if (missing == 0) {
        joined.links.push_back({before, at});
      } else {
        auto from = std::find_if(open.rbegin(), open.rend(),
                                 [&](const auto& step) { return step.first != before && step.second == missing; });
        if (from == open.rend()) return false;
        ++joins;
        if (row.joins > 0) {
          joined.links.push_back({before, at});
          joined.links.push_back({from->first, at, true});
        } else {
          auto cat = static_cast<uint32_t>(joined.steps.size());
          joined.steps.push_back({.operation = "~cat"});
          joined.links.push_back({before, cat});
          joined.links.push_back({from->first, cat});
          joined.links.push_back({cat, at});
        }
        open.erase(std::next(from).base());
      }
      before = at;
      width = made;
      open.emplace_back(at, made);
    }
    if (joins == 0) return false;
    joined.links.push_back({before, kOutStep});
    joined.evidence.text = fmt::format("a U-Net: {} modules take as much more as one before them has made", joins);
    return Take(index, std::move(joined), plan);
  }

  // ---- Rows of the table ----

  using Names = std::unordered_map<std::string_view, Index, TextHash>;

  bool Patterns(Index index, FlowPlan& plan) {
    Names names;
    for (Index child : At(index).children) names.try_emplace(At(child).name, child);
    return std::any_of(FlowPrograms().begin(), FlowPrograms().end(), [&](const FlowProgram& program) {
      auto candidate = Fit(index, names, program);
      return candidate && Take(index, std::move(*candidate), plan, program.pattern->when);
    });
  }

  Index Find(const Names& names, std::string_view path) {
    size_t dot = path.find('.');
    auto at = names.find(path.substr(0, dot));
    if (at == names.end()) return kNone;
    Index found = at->second;
    while (dot != std::string_view::npos && found != kNone) {
      path.remove_prefix(dot + 1);
      dot = path.find('.');
      std::string_view step = path.substr(0, dot);
      Index next = kNone;
      const Module& module = At(found);
      if (module.children.size() > kMostNamed) return kNone;
      for (Index child : module.children) {
        if (At(child).name == step) next = child;
      }
      found = next;
    }
    return found;
  }

  // The modules that a step calls; empty: none of its names is there.
  std::vector<Index> Called(Index index, const Names& names, const FlowStep& step) {
    std::vector<Index> called;
    for (std::string_view name : step.names) {
      if (!step.numbered) {
        Index found = Find(names, name);
        if (found != kNone) return {found};
        continue;
      }
      size_t dot = name.rfind('.');
      Index parent = dot == std::string_view::npos ? index : Find(names, name.substr(0, dot));
      std::string_view stem = dot == std::string_view::npos ? name : name.substr(dot + 1);
      if (parent == kNone) continue;
      for (Index child : At(parent).children) {
        if (EndsWithNumber(At(child).name) && NameStem(At(child).name) == stem) called.push_back(child);
      }
      std::stable_sort(called.begin(), called.end(),
                       [&](Index a, Index b) { return NaturalLess(At(a).name, At(b).name); });
      if (!called.empty()) return called;
    }
    return called;
  }

  std::optional<FlowPlan> Fit(Index index, const Names& names, const FlowProgram& program) {
    FlowPlan plan;
    plan.steps.resize(kFixedSteps);
    // Of each step of the program where it begins and ends in the plan; absent optional ones have none.
    constexpr uint32_t kAbsent = UINT32_MAX;
    std::vector<std::pair<uint32_t, uint32_t>> places(program.steps.size(), {kAbsent, kAbsent});
    std::unordered_set<Index> used;
    for (uint32_t i = 0; i < kFixedSteps; ++i) places[i] = {i, i};
    std::vector<PlanLink> inner;
    size_t children = 0;
    for (size_t i = kFixedSteps; i < program.steps.size(); ++i) {
      const FlowStep& step = program.steps[i];
      auto at = static_cast<uint32_t>(plan.steps.size());
      if (step.kind == StepKind::kOperation) {
        plan.steps.push_back({.operation = step.names[0]});
        places[i] = {at, at};
        continue;
      }
      std::vector<Index> called = Called(index, names, step);
      if (called.empty()) {
        if (!step.optional) return std::nullopt;
        continue;
      }
      places[i] = {at, static_cast<uint32_t>(at + called.size() - 1)};
      for (Index module : called) {
        if (step.kind == StepKind::kChild && !used.insert(module).second) return std::nullopt;
        bool tap = step.kind == StepKind::kTap;
        children += tap ? 0 : 1;
        if (plan.steps.size() > at)
          inner.push_back({static_cast<uint32_t>(plan.steps.size() - 1), static_cast<uint32_t>(plan.steps.size())});
        plan.steps.push_back({.module = module, .tap = tap});
      }
    }
    if (children == 0 || !AllUsed(index, used)) return std::nullopt;
    // What stands before an absent step, goes where it would have gone. Rows write an absent step's source first.
    std::vector<uint32_t> stand_in(program.steps.size(), kAbsent);
    for (size_t i = 0; i < program.steps.size(); ++i) stand_in[i] = places[i].second;
    for (const FlowLink& link : program.links) {
      if (places[link.to].first == kAbsent && !link.mem) stand_in[link.to] = stand_in[link.from];
    }
    plan.links = std::move(inner);
    for (const FlowLink& link : program.links) {
      uint32_t from = stand_in[link.from];
      auto [first, last] = places[link.to];
      if (from == kAbsent || first == kAbsent) continue;
      auto same = [&](const PlanLink& row) { return row.from == from && row.to == first && !row.mem; };
      if (!link.mem && std::none_of(plan.links.begin(), plan.links.end(), same)) plan.links.push_back({from, first});
      for (uint32_t to = first; link.mem && to <= last; ++to) plan.links.push_back({from, to, true, link.pass});
    }
    // A tap needs the module that holds what it taps to have run: program order sees to that.
    std::string_view name = At(index).class_name;
    plan.evidence = {EvidenceKind::kPattern, std::string(program.pattern->name)};
    if (At(index).origin == Origin::kRecorded && IsListed(name, program.pattern->classes)) {
      plan.evidence = {EvidenceKind::kClass, fmt::format("{}: {}", name, program.pattern->name)};
    }
    return plan;
  }

  static bool IsListed(std::string_view name, std::string_view list) {
    while (!list.empty()) {
      size_t end = list.find(' ');
      if (!name.empty() && name.ends_with(list.substr(0, end))) return true;
      list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
    }
    return false;
  }

  // Whether every child with tensors is called, itself or all below it that have tensors.
  bool AllUsed(Index index, const std::unordered_set<Index>& used) {
    std::vector<Index> todo = {index};
    size_t visited = 0;
    while (!todo.empty()) {
      Index at = todo.back();
      todo.pop_back();
      if (++visited > kMostNamed) return false;
      for (Index child : At(at).children) {
        if (!Heavy(child) || used.contains(child)) continue;
        if (IsLayer(At(child)) || !At(child).tensors.empty()) return false;
        todo.push_back(child);
      }
    }
    return true;
  }

  // ---- Sizes ----

  // Follows widths through the steps, in an order in which each comes after what it takes; false where they contradict.
  // Sets in, out, residual and depth, and puts the links into that order.
  bool Sized(FlowPlan& plan) {
    size_t count = plan.steps.size();
    std::vector<std::vector<uint32_t>> into(count);
    std::vector<std::vector<uint32_t>> out_of(count);
    std::vector<uint32_t> waits(count, 0);
    for (uint32_t i = 0; i < plan.links.size(); ++i) {
      into[plan.links[i].to].push_back(i);
      out_of[plan.links[i].from].push_back(i);
      ++waits[plan.links[i].to];
    }
    std::vector<Width> widths(count);
    std::vector<uint32_t> ready = {kInStep, kMemStep, kKvStep};
    for (uint32_t i = kFixedSteps; i < count; ++i) {
      if (waits[i] == 0) ready.push_back(i);  // taps, and embeddings that nothing is said to feed
    }
    std::reverse(ready.begin(), ready.end());
    std::vector<PlanLink> ordered;
    ordered.reserve(plan.links.size());
    plan.order.clear();
    plan.depth = 0;
    plan.in = {};
    while (!ready.empty()) {
      uint32_t at = ready.back();
      ready.pop_back();
      plan.order.push_back(at);
      for (uint32_t link : into[at]) ordered.push_back(plan.links[link]);
      if (!SizeOf(plan, at, into[at], widths)) return false;
      for (size_t i = out_of[at].size(); i-- > 0;) {
        uint32_t to = plan.links[out_of[at][i]].to;
        if (--waits[to] == 0) ready.push_back(to);
      }
    }
    plan.out = widths[kOutStep];
    plan.links = std::move(ordered);
    return true;
  }

  bool SizeOf(FlowPlan& plan, uint32_t at, const std::vector<uint32_t>& into, std::vector<Width>& widths) {
    const PlanStep& step = plan.steps[at];
    if (at == kInStep || at == kMemStep || at == kKvStep) return true;
    bool from_in = false;
    std::optional<Width> given = Width{};
    int64_t sum = 0;
    bool all = true;
    for (uint32_t link : into) {
      if (plan.links[link].mem) continue;
      uint32_t from = plan.links[link].from;
      Width width = from == kInStep ? plan.in : widths[from];
      from_in |= from == kInStep;
      all &= width.size > 0;
      sum += width.size;
      if (step.operation != "~cat" && step.operation != "~attention" && step.operation != "~any")
        given = Unify(*given, width);
      if (!given) return false;
    }
    if (!step.operation.empty()) {
      if (step.operation == "~add" && from_in && into.size() > 1) plan.residual = true;
      if (from_in && step.operation == "~add") plan.in = *Unify(plan.in, *given);
      widths[at] = step.operation == "~cat" ? (all && sum < INT64_MAX / 2 ? Width{sum} : Width{}) : *given;
      return true;
    }
    if (at == kOutStep) {
      widths[at] = *given;
      if (from_in) widths[at] = plan.in;
      return true;
    }
    if (step.tap) {
      widths[at] = Of(step.module).out;
      return true;
    }
    FlowPlan& child = Of(step.module);
    plan.depth = std::max(plan.depth, child.depth + 1);
    if (child.kind == FlowPlan::Kind::kLayer) {
      auto out = Through(child.layer, *given);
      if (!out) return false;
      widths[at] = *out;
      if (from_in && child.layer.in.size > 0) {
        if (auto both = Unify(plan.in, child.layer.in)) plan.in = *both;
      }
      return true;
    }
    if (child.kind == FlowPlan::Kind::kWired) {
      bool fits = Unify(*given, child.in).has_value();
      if (!fits && !(given->image && child.in.size % given->size == 0 && FirstIsLinear(child))) return false;
      widths[at] = child.out;
      if (from_in && child.in.size > 0 && fits) plan.in = *Unify(plan.in, child.in);
      if (widths[at].size == 0 && child.residual) widths[at] = *given;
    }
    return true;
  }

  // What is flattened before: a chain that begins with a Linear.
  bool FirstIsLinear(const FlowPlan& plan) {
    const FlowPlan* at = &plan;
    for (int i = 0; i < kDeepest && at->kind == FlowPlan::Kind::kWired; ++i) {
      Index first = kNone;
      for (const PlanLink& link : at->links) {
        if (link.from == kInStep && at->steps[link.to].module != kNone) first = at->steps[link.to].module;
        if (first != kNone) break;
      }
      if (first == kNone) return false;
      at = &Of(first);
    }
    return at->kind == FlowPlan::Kind::kLayer && at->layer.kind == LayerKind::kLinear;
  }

  const Model& model_;
  Index root_;
  std::vector<FlowPlan> plans_;
  std::vector<bool> heavy_;
  bool sorted_ = true;
  bool voted_ = false;
  int votes_ = 0;
};

}  // namespace

bool IsLayer(const Module& module) {
  if (module.children.empty()) return true;
  if (module.class_name.ends_with("MultiheadAttention")) return true;
  // An adapter's layers are drawn as such, beside the layer that they adapt.
  return module.origin == Origin::kInferred && !module.class_name.empty() && module.class_name != "lora.LoRA";
}

std::vector<FlowPlan> PlanFlow(const Model& model, Index root) {
  Index end = root + 1;
  std::vector<Index> todo = {root};
  while (!todo.empty()) {
    const Module& module = model.modules[todo.back()];
    todo.pop_back();
    for (Index child : module.children) {
      end = std::max(end, child + 1);
      todo.push_back(child);
    }
  }
  return Planner(model, root, end).Plan();
}

}  // namespace pthview
