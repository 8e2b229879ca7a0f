// The part of Planner that finds chains: numbered modules, dense blocks, sizes that chain in one way, U-Nets.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/structure/flow_planner.h"
#include "lib/analysis/structure/numbered_names.h"
#include "lib/base/natural_order.h"

namespace pthview {
namespace {

// Lists whose numbered members stand side by side, each given the same, or each something else.
constexpr auto kSideBySide = std::to_array<std::string_view>({"expert",
                                                              "head",
                                                              "branch",
                                                              "codebook",
                                                              "adapter",
                                                              "level",
                                                              "lateral",
                                                              "tower",
                                                              "quantizer",
                                                              "embed",
                                                              "output_conv",
                                                              "scale",
                                                              "emb",
                                                              "pred",
                                                              "cls",
                                                              "reg",
                                                              "bbox",
                                                              "inner_blocks",
                                                              "layer_blocks",
                                                              "fpn",
                                                              "lora",
                                                              "aux",
                                                              "proj_out",
                                                              "heads",
                                                              "modulelist",
                                                              "to_",
                                                              "ups",
                                                              "resblocks_",
                                                              "parallel",
                                                              "ensemble",
                                                              "models",
                                                              "convs",
                                                              "fuse",
                                                              "discriminators",
                                                              "paths",
                                                              "conv_kxk",
                                                              "downsamp_modules",
                                                              "incre_modules",
                                                              "heads",
                                                              "classifiers",
                                                              "regressors"});
// Modules of these names stand side by side with others, whatever their sizes.
constexpr auto kBeside = std::to_array<std::string_view>(
    {"branch", "expert", "tower", "path", "aux", "gate", "teacher", "student", "target", "momentum"});
// Attributes of one name and a number that follow each other.
constexpr auto kNumberedStems =
    std::to_array<std::string_view>({"layer", "block", "stage", "conv", "conv_block", "fc", "linear", "dense", "layer_",
                                     "block_", "stage_", "conv_", "res", "resblock", "res_block"});
// What is made inside is often added to what they are given.
constexpr auto kOftenAdded = std::to_array<std::string_view>(
    {"body", "trunk", "RRDB_trunk", "residual", "residual_layers", "residuals", "res_blocks", "resblocks", "res", "rdb",
     "RDB", "residual_group", "conv_block", "block", "branch", "main", "fn", "main_path"});
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

}  // namespace

bool Planner::Numbered(Index index, std::vector<Index> children, FlowPlan& plan) {
  if (children.empty()) return false;
  std::string_view stem = NameStem(At(children[0]).name);
  for (Index child : children) {
    if (NameStem(At(child).name) != stem || !EndsWithNumber(At(child).name)) return false;
    if (Of(child).kind == FlowPlan::Kind::kOpaque) return false;
  }
  std::stable_sort(children.begin(), children.end(),
                   [&](Index a, Index b) { return NaturalLess(At(a).name, At(b).name); });
  std::string_view label = stem.empty() ? Label(index) : stem;
  if (stem.starts_with("branch") || stem.starts_with("Branch")) return false;
  if (Dense(index, children, plan)) return true;
  FlowPlan chain = Chain(children, {});
  if (!Sized(chain)) return false;
  bool residual = true;
  bool layers = true;
  bool alike = true;  // all of the first one's sizes
  bool fits = true;   // without a thought of groups
  bool same_kind = true;
  bool same_width = true;
  bool gaps = false;
  for (size_t i = 0; i < children.size(); ++i) {
    const FlowPlan& child = Of(children[i]);
    residual &= child.residual;
    layers &= child.kind == FlowPlan::Kind::kLayer;
    same_kind &= child.layer.kind == Of(children[0]).layer.kind && child.kind == Of(children[0]).kind;
    same_width &= child.in.size == Of(children[0]).in.size && child.out.size == child.in.size;
    alike &= child.in.size == Of(children[0]).in.size && child.out.size == Of(children[0]).out.size;
    fits &= i == 0 || child.in.size == 0 || Of(children[i - 1]).out.size == child.in.size;
    gaps |= i > 0 && NumberOf(At(children[i]).name) > NumberOf(At(children[i - 1]).name) + 1;
    if (child.kind == FlowPlan::Kind::kLayer && child.layer.kind == LayerKind::kOther && child.in.size == 0)
      return false;
  }
  // A list that is called one branch is a branch, whose members follow each other.
  bool side = AnyInside(kSideBySide, label) && (!label.starts_with("branch") || label.starts_with("branches"));
  if (children.size() > 1) {
    if (same_width && !residual) {
      if (side) return false;
      if (same_kind && !gaps && !Contains(kInARow, label)) return false;
    }
    // As wide as each other and not as the next takes: groups would have to explain it, or they stand side by side.
    if (alike && !fits && same_kind && !residual) return false;
    if (same_width && !residual && !layers && !stem.empty() && !Contains(kNumberedStems, stem)) return false;
    if (residual && same_width && (label.find("expert") != label.npos)) return false;
    if (!same_width && side && same_kind && !residual) return false;
  }
  if (residual) {
    chain.evidence = {EvidenceKind::kPattern,
                      fmt::format("a stack of {} like blocks, each adding to what it is given", children.size())};
  } else if (!same_width && layers) {
    chain.evidence = {EvidenceKind::kShapes, fmt::format("numbered layers whose sizes chain: {}", SizesText(children))};
  } else {
    chain.evidence = {EvidenceKind::kPattern,
                      fmt::format("numbered modules, each as wide as the next takes: {}", SizesText(children))};
  }
  chain.numbered = same_kind ? children.size() : 0;
  chain.layers = layers && chain.numbered > 0 && Of(children[0]).makers > 0;
  chain.sure = (stem.empty() || residual) && !Contains(kOftenAdded, residual && !stem.empty() ? stem : Label(index));
  return Take(index, std::move(chain), plan);
}

std::string Planner::SizesText(std::span<const Index> children) {
  std::string text;
  for (size_t i = 0; i < children.size() && i < 6; ++i) {
    const FlowPlan& child = Of(children[i]);
    text += fmt::format("{}{}>{}", i == 0 ? "" : ", ", child.in.size, child.out.size);
  }
  return children.size() > 6 ? text + ", ..." : text;
}

std::string_view Planner::Label(Index index) const {
  while (index != kNone && EndsWithNumber(At(index).name) && NameStem(At(index).name).empty()) index = At(index).parent;
  return index == kNone ? std::string_view() : At(index).name;
}

bool Planner::Dense(Index index, std::span<const Index> children, FlowPlan& plan) {
  if (children.size() < 2) return false;
  for (size_t i = 0; i + 1 < children.size(); ++i) {
    const FlowPlan& child = Of(children[i]);
    if (child.in.size <= 0 || child.out.size <= 0 || child.in.size == child.out.size) return false;
    if (Of(children[i + 1]).in.size != child.in.size + child.out.size) return false;
  }
  FlowPlan dense{.evidence = {EvidenceKind::kShapes,
                              "dense block: each takes what it was given and what all before it made, "
                              "as their widths add up: " +
                                  SizesText(children)}};
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
  // What is as wide as the input again, and not as what was joined before, ends the block and is added to the input.
  const FlowPlan& first = Of(children[0]);
  if (children.size() > 2 && Of(children.back()).out.size == first.in.size &&
      Of(children[children.size() - 2]).out.size != first.in.size) {
    dense.links.resize(dense.links.size() - 2);
    dense.steps.back() = {.operation = "~add"};
    dense.links.push_back({before - 1, before});
    dense.links.push_back({kInStep, before});
  }
  dense.links.push_back({before, kOutStep});
  dense.sure = true;
  return Take(index, std::move(dense), plan);
}

bool Planner::Sizes(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  constexpr size_t kMost = 64;
  if (children.size() < 2 || children.size() > kMost) return false;
  bool numbers = true;
  bool wired = true;
  for (size_t i = 0; i < children.size(); ++i) {
    std::string_view name = At(children[i]).name;
    numbers &= EndsWithNumber(name) && NameStem(name) == NameStem(At(children[0]).name);
    wired &= Of(children[i]).kind == FlowPlan::Kind::kWired;
    if (AnyInside(kBeside, name)) return false;
    bool norm = Of(children[i]).layer.kind == LayerKind::kNorm;
    if (norm && index != root_ && !FollowsAtOnce(children[i], children[0])) return false;
  }
  if (numbers || (wired && children.size() == 2)) return false;
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
    bool of_one =
        row.in.other == 1 && child == children[0] && !sorted_ && index == root_;  // a first convolution, of one channel
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
  return Take(index, Chain(order, {EvidenceKind::kShapes, "sizes chain in this way only: " + SizesText(order)}), plan);
}

bool Planner::FollowsAtOnce(Index norm, Index maker) {
  const Module& module = At(norm);
  if (module.tensors.size() > 2) return true;  // running statistics
  const Module& before = At(maker);
  return Of(maker).kind == FlowPlan::Kind::kLayer && !before.tensors.empty() &&
         std::any_of(before.tensors.begin(), before.tensors.end(),
                     [&](Index tensor) { return model_.tensors[tensor].shape.size() >= 4; });
}

bool Planner::Alternating(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  if (sorted_ || children.size() < 2 || children.size() % 2 != 0 || children.size() > 16) return false;
  for (size_t i = 0; i < children.size(); ++i) {
    const FlowPlan& child = Of(children[i]);
    bool norm = child.layer.kind == LayerKind::kNorm;
    bool maker = child.layer.kind == LayerKind::kConvolution || child.layer.kind == LayerKind::kLinear;
    if (child.kind != FlowPlan::Kind::kLayer || (i % 2 == 0 ? !maker : !norm)) return false;
    if (norm && !FollowsAtOnce(children[i], children[i - 1])) return false;
  }
  return Take(index,
              Chain(children, {EvidenceKind::kShapes, "layers, each with its normalization: " + SizesText(children)}),
              plan);
}

}  // namespace pthview
