#include "lib/analysis/names/plain_order.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace pthview {
namespace {

enum Rank : uint8_t { kSet, kOther, kCounted, kLeftOut, kRanks };

// How the first step of a path begins, in lower case without '_' at its front.
struct Row {
  std::string_view begin;
  Rank rank;
};
constexpr Row kRows[] = {
    {"loop", kCounted},   {"callback", kCounted}, {"fit_loop", kCounted}, {"optim", kCounted},  {"lr_sched", kCounted},
    {"sched", kCounted},  {"scaler", kCounted},   {"rng", kCounted},      {"random", kCounted}, {"hparam", kSet},
    {"hyper", kSet},      {"config", kSet},       {"cfg", kSet},          {"arg", kSet},        {"param", kSet},
    {"model_args", kSet}, {"train_args", kSet},   {"setting", kSet},      {"option", kSet},     {"metadata", kSet},
};

Rank RankOf(const Model& model, const PlainValue& plain) {
  std::string_view path = plain.path;
  if (plain.kind == PlainKind::kEmpty) return kLeftOut;
  for (size_t at = path.find("_metadata"); at != std::string_view::npos; at = path.find("_metadata", at + 1)) {
    const bool step = (at == 0 || path[at - 1] == '.') && at + 9 < path.size() && path[at + 9] != '_';
    if (step) return kLeftOut;
  }
  if (plain.part != kNone) {
    const PartKind kind = model.parts[plain.part].kind;
    if (kind == PartKind::kOptimizer || kind == PartKind::kScheduler) return kCounted;
  }
  const size_t end = std::min(path.find_first_of(".["), path.size());
  std::string step(path.substr(0, std::min<size_t>(end, 32)));
  step.erase(0, std::min(step.find_first_not_of('_'), step.size()));
  std::ranges::transform(step, step.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const Row& row : kRows) {
    if (step.starts_with(row.begin)) return row.rank;
  }
  return end == path.size() ? kSet : kOther;
}

}  // namespace

std::vector<Index> PlainOrder(const Model& model) {
  std::vector<Index> ranked[kRanks];
  for (size_t i = 0; i < model.plain.size(); ++i) {
    ranked[RankOf(model, model.plain[i])].push_back(static_cast<Index>(i));
  }
  std::vector<Index> order = std::move(ranked[kSet]);
  for (Rank rank : {kOther, kCounted}) order.insert(order.end(), ranked[rank].begin(), ranked[rank].end());
  return order;
}

}  // namespace pthview
