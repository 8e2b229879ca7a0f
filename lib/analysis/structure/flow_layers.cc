// The part of Planner that puts layers in order by their numbered names and widths, and finds heads side by side.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/structure/flow_planner.h"
#include "lib/analysis/structure/numbered_names.h"

namespace pthview {
namespace {

// What comes before what, by names without their numbers.
enum class Place : uint8_t { kEmbedding, kFirst, kConvolution, kRecurrent, kLinear, kLast, kNorm, kUnknown };

struct Word {
  std::string_view word;
  Place place;
};
constexpr auto kWords = std::to_array<Word>({
    {"embedding", Place::kEmbedding},
    {"embed", Place::kEmbedding},
    {"emb", Place::kEmbedding},
    {"embeddings", Place::kEmbedding},
    {"word_embeddings", Place::kEmbedding},
    {"word_embedding", Place::kEmbedding},
    {"embedding_layer", Place::kEmbedding},
    {"encoder", Place::kEmbedding},
    {"token_embedding", Place::kEmbedding},
    {"input", Place::kFirst},
    {"input_layer", Place::kFirst},
    {"fc_in", Place::kFirst},
    {"inp", Place::kFirst},
    {"in_layer", Place::kFirst},
    {"input_fc", Place::kFirst},
    {"conv", Place::kConvolution},
    {"conv2d", Place::kConvolution},
    {"conv1d", Place::kConvolution},
    {"c", Place::kConvolution},
    {"conv_layer", Place::kConvolution},
    {"cnn", Place::kConvolution},
    {"lstm", Place::kRecurrent},
    {"gru", Place::kRecurrent},
    {"rnn", Place::kRecurrent},
    {"bilstm", Place::kRecurrent},
    {"lstm_layer", Place::kRecurrent},
    {"blstm", Place::kRecurrent},
    {"fc", Place::kLinear},
    {"linear", Place::kLinear},
    {"lin", Place::kLinear},
    {"l", Place::kLinear},
    {"dense", Place::kLinear},
    {"hidden", Place::kLinear},
    {"layer", Place::kLinear},
    {"h", Place::kLinear},
    {"fc_layer", Place::kLinear},
    {"hidden_layer", Place::kLinear},
    {"ip", Place::kLinear},
    {"i2h", Place::kUnknown},
    {"out", Place::kLast},
    {"output", Place::kLast},
    {"head", Place::kLast},
    {"classifier", Place::kLast},
    {"final", Place::kLast},
    {"last", Place::kLast},
    {"fc_out", Place::kLast},
    {"output_layer", Place::kLast},
    {"out_layer", Place::kLast},
    {"logits", Place::kLast},
    {"hidden2tag", Place::kLast},
    {"hidden2out", Place::kLast},
    {"fc_final", Place::kLast},
    {"predict", Place::kLast},
    {"prediction", Place::kLast},
    {"decoder", Place::kLast},
    {"regressor", Place::kLast},
    {"out_fc", Place::kLast},
    {"bn", Place::kNorm},
    {"norm", Place::kNorm},
    {"batchnorm", Place::kNorm},
    {"batch_norm", Place::kNorm},
    {"ln", Place::kNorm},
    {"gn", Place::kNorm},
    {"layernorm", Place::kNorm},
    {"layer_norm", Place::kNorm},
});

Place PlaceOf(std::string_view name) {
  std::string word;
  for (char c : NameStem(name)) word += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  while (word.ends_with('_')) word.pop_back();
  for (const Word& row : kWords) {
    if (row.word != word) continue;
    // One that is called "fc" or "linear" and no more comes last.
    return row.place == Place::kLinear && !EndsWithNumber(name) && word != "hidden" && word != "hidden_layer"
               ? Place::kLast
               : row.place;
  }
  return Place::kUnknown;
}

// Names of heads that stand side by side on what a trunk gives.
constexpr auto kHeads = std::to_array<std::string_view>({"actor",
                                                         "critic",
                                                         "value",
                                                         "policy",
                                                         "advantage",
                                                         "pi",
                                                         "v",
                                                         "q",
                                                         "mu",
                                                         "mean",
                                                         "std",
                                                         "sigma",
                                                         "log_std",
                                                         "logstd",
                                                         "logvar",
                                                         "log_var",
                                                         "var",
                                                         "mean_linear",
                                                         "log_std_linear",
                                                         "fc_mu",
                                                         "fc_var",
                                                         "fc_logvar",
                                                         "fc_mean",
                                                         "fc_std",
                                                         "fc_pi",
                                                         "fc_v",
                                                         "fc_value",
                                                         "fc_policy",
                                                         "fc_advantage",
                                                         "fc_adv",
                                                         "adv",
                                                         "val",
                                                         "critic_linear",
                                                         "actor_linear",
                                                         "mean_layer",
                                                         "log_std_layer",
                                                         "fc_log_std",
                                                         "fc_log_var",
                                                         "fc_sigma",
                                                         "value_stream",
                                                         "advantage_stream",
                                                         "mu_layer",
                                                         "cls",
                                                         "reg",
                                                         "bbox",
                                                         "cls_score",
                                                         "bbox_pred",
                                                         "action_mean",
                                                         "action_log_std"});

bool IsHead(std::string_view name) {
  return std::find(kHeads.begin(), kHeads.end(), name) != kHeads.end() || name.ends_with("_head") ||
         name.starts_with("head_") || name.ends_with("_classifier");
}

}  // namespace

std::vector<Index> Planner::LayersInTurn(Index index, const std::vector<Index>& children) {
  constexpr size_t kMost = 64;
  if (children.size() > kMost) return {};
  std::vector<Index> makers;
  std::vector<Index> norms;
  bool last = false;
  for (Index child : children) {
    const FlowPlan& row = Of(child);
    Place place = PlaceOf(At(child).name);
    LayerKind kind = row.layer.kind;
    if (row.kind != FlowPlan::Kind::kLayer || row.out.size <= 0 || place == Place::kUnknown) return {};
    bool embedding = kind == LayerKind::kEmbedding;
    if ((kind == LayerKind::kNorm) != (place == Place::kNorm) || embedding != (place == Place::kEmbedding)) return {};
    if (place == Place::kRecurrent && (kind != LayerKind::kOther || row.in.size <= 0)) return {};
    if (place == Place::kConvolution && kind != LayerKind::kConvolution) return {};
    (place == Place::kNorm ? norms : makers).push_back(child);
    last |= place == Place::kLast;
  }
  auto before = [&](Index a, Index b) {
    Place one = PlaceOf(At(a).name);
    Place two = PlaceOf(At(b).name);
    return one != two ? one < two : NumberOf(At(a).name) < NumberOf(At(b).name);
  };
  std::stable_sort(makers.begin(), makers.end(), before);
  std::stable_sort(norms.begin(), norms.end(), before);
  for (size_t i = 0; i + 1 < makers.size(); ++i) {
    if (!before(makers[i], makers[i + 1])) return {};  // two of one name and number
  }
  for (size_t i = 0; i + 1 < norms.size(); ++i) {
    if (!before(norms[i], norms[i + 1])) return {};
  }
  if (norms.size() > makers.size() || makers.empty()) return {};
  // The k-th norm is that of the k-th layer, as wide as what it gives; where in and out differ that says so.
  bool told = norms.empty();
  std::vector<Index> order;
  for (size_t i = 0; i < makers.size(); ++i) {
    order.push_back(makers[i]);
    if (i >= norms.size()) continue;
    const FlowPlan& maker = Of(makers[i]);
    if (index != root_ && !FollowsAtOnce(norms[i], makers[i])) return {};
    if (Of(norms[i]).in.size != maker.out.size || (!sorted_ && norms[i] < makers[i])) return {};
    told |= maker.in.size != maker.out.size;
    order.push_back(norms[i]);
  }
  // Sizes have to chain, and not only because all are one.
  bool differ = false;
  for (Index maker : makers) differ |= Of(maker).in.size != Of(maker).out.size;
  return told && differ && (makers.size() > 1 || !norms.empty()) ? order : std::vector<Index>();
}

bool Planner::InTurn(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  std::vector<Index> order = LayersInTurn(index, children);
  if (order.size() < 2) return false;
  return Take(index,
              Chain(order, {EvidenceKind::kShapes,
                            "layers in the order of their names, whose sizes chain: " + SizesText(order)}),
              plan);
}

bool Planner::Branches(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  constexpr size_t kMost = 16;
  if (children.size() < 2 || children.size() > kMost) return false;
  FlowPlan joined{.evidence = {EvidenceKind::kShapes, ""}};
  joined.steps.resize(kFixedSteps);
  joined.steps.push_back({.operation = "~cat"});
  constexpr uint32_t kJoin = kFixedSteps;
  int64_t sum = 0;
  int64_t first = 0;
  size_t branches = 0;
  bool differ = false;
  Index behind = kNone;
  for (Index child : children) {
    const FlowPlan& row = Of(child);
    if (row.kind == FlowPlan::Kind::kOpaque || row.in.size <= 0 || row.out.size <= 0) return false;
    std::string_view name = At(child).name;
    if (!name.starts_with("branch") && !name.starts_with("Branch") &&
        !(NameStem(name) == "b" && EndsWithNumber(name))) {
      if (behind != kNone || row.kind != FlowPlan::Kind::kLayer) return false;
      behind = child;
      continue;
    }
    ++branches;
    if (first == 0) first = row.out.size;
    differ |= row.out.size != first;
    sum += row.out.size;
    auto at = static_cast<uint32_t>(joined.steps.size());
    joined.steps.push_back({.module = child, .may_add = MayAdd(child)});
    joined.links.push_back({kInStep, at});
    joined.links.push_back({at, kJoin});
  }
  if (branches < 2 || (behind != kNone && Of(behind).in.size != sum)) return false;
  joined.evidence.text = fmt::format("{} branches side by side, all as wide as the input", branches);
  if (behind == kNone) {
    if (differ) joined.links.push_back({kJoin, kOutStep});
    if (!differ) std::erase_if(joined.links, [](const PlanLink& link) { return link.to == kJoin; });
    if (!Take(index, std::move(joined), plan)) return false;
    plan.out = {};  // a pooling without weights may be joined too
    plan.sure = true;
    return true;
  }
  auto at = static_cast<uint32_t>(joined.steps.size());
  joined.steps.push_back({.module = behind});
  joined.links.push_back({kJoin, at});
  uint32_t end = at;
  if (Of(joined.steps[kJoin + 1].module).in.size == Of(behind).out.size) {
    joined.steps.push_back({.operation = "~add"});
    joined.links.push_back({at, at + 1});
    joined.links.push_back({kInStep, at + 1});
    end = at + 1;
  }
  joined.links.push_back({end, kOutStep});
  return Take(index, std::move(joined), plan);
}

std::vector<std::vector<Index>> Planner::Levels(Index module) {
  constexpr size_t kMost = 16;
  std::vector<std::vector<Index>> levels;
  if (At(module).children.size() > kMost) return {};
  size_t lists = 0;
  for (Index list : At(module).children) {
    if (!Heavy(list)) continue;
    if (IsLayer(At(list)) || !At(list).tensors.empty()) return {};
    const std::vector<Index>& members = At(list).children;
    if (At(list).name == "dfl") continue;  // a fixed convolution of its own over the boxes
    if (members.size() < 2 || members.size() > kMost || (lists > 0 && members.size() != levels.size())) return {};
    levels.resize(members.size());
    ++lists;
    for (size_t i = 0; i < members.size(); ++i) {
      const FlowPlan& row = Of(members[i]);
      bool numbered = At(members[i]).name == std::to_string(i);
      if (!numbered || row.kind == FlowPlan::Kind::kOpaque || row.in.size <= 0) return {};
      if (!levels[i].empty() && !Unify(Of(levels[i][0]).in, row.in)) return {};
      levels[i].push_back(members[i]);
    }
  }
  return levels;
}

bool Planner::Heads(Index index, const std::vector<Index>& children, FlowPlan& plan) {
  std::vector<Index> heads;
  std::vector<Index> trunk;
  for (Index child : children) (IsHead(At(child).name) ? heads : trunk).push_back(child);
  if (heads.size() < 2 || trunk.empty()) return false;
  if (trunk.size() > 1) trunk = LayersInTurn(index, trunk);
  if (trunk.empty()) return false;
  FlowPlan chain = Chain(trunk, {EvidenceKind::kShapes, ""});
  if (!Sized(chain) || chain.out.size <= 0) return false;
  int64_t width = chain.out.size;
  uint32_t before = chain.links.empty() ? kInStep : static_cast<uint32_t>(chain.steps.size() - 1);
  std::erase_if(chain.links, [](const PlanLink& link) { return link.to == kOutStep; });
  for (Index head : heads) {
    const FlowPlan& row = Of(head);
    if (row.kind == FlowPlan::Kind::kOpaque || row.in.size != width || row.out.size == width) return false;
    chain.links.push_back({before, static_cast<uint32_t>(chain.steps.size())});
    chain.steps.push_back({.module = head});
  }
  chain.evidence.text =
      fmt::format("{} heads side by side, each taking the {} that are made before them", heads.size(), width);
  return Take(index, std::move(chain), plan);
}

}  // namespace pthview
