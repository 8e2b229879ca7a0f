#include "lib/analysis/summary/written_values.h"

#include <algorithm>
#include <unordered_map>

#include "lib/base/text_hash.h"

namespace pthview {
namespace {

struct Word {
  std::string_view text;
  ValueRank rank;
};

// A whole key of a path, in lower case.
constexpr Word kKeys[] = {
    {"epoch", ValueRank::kProgress},
    {"epochs", ValueRank::kProgress},
    {"current_epoch", ValueRank::kProgress},
    {"start_epoch", ValueRank::kProgress},
    {"last_epoch", ValueRank::kProgress},
    {"epoch_num", ValueRank::kProgress},
    {"step", ValueRank::kProgress},
    {"steps", ValueRank::kProgress},
    {"global_step", ValueRank::kProgress},
    {"global_steps", ValueRank::kProgress},
    {"iter", ValueRank::kProgress},
    {"iteration", ValueRank::kProgress},
    {"iterations", ValueRank::kProgress},
    {"num_iter", ValueRank::kProgress},
    {"n_iter", ValueRank::kProgress},
    {"it", ValueRank::kProgress},
    {"num_updates", ValueRank::kProgress},
    {"arch", ValueRank::kSetting},
    {"args", ValueRank::kSetting},
    {"cfg", ValueRank::kSetting},
    {"config", ValueRank::kSetting},
    {"conf", ValueRank::kSetting},
    {"hparams", ValueRank::kSetting},
    {"hyper_parameters", ValueRank::kSetting},
    {"hyperparameters", ValueRank::kSetting},
    {"hyper_params", ValueRank::kSetting},
    {"hparams_name", ValueRank::kBookkeeping},
    {"opt", ValueRank::kSetting},
    {"options", ValueRank::kSetting},
    {"params", ValueRank::kSetting},
    {"settings", ValueRank::kSetting},
    {"train_args", ValueRank::kSetting},
    {"training_args", ValueRank::kSetting},
    {"model_args", ValueRank::kSetting},
    {"model_config", ValueRank::kSetting},
    {"kwargs", ValueRank::kSetting},
    {"loss", ValueRank::kResult},
    {"losses", ValueRank::kResult},
    {"acc", ValueRank::kResult},
    {"acc1", ValueRank::kResult},
    {"accuracy", ValueRank::kResult},
    {"metric", ValueRank::kResult},
    {"metrics", ValueRank::kResult},
    {"score", ValueRank::kResult},
    {"val_loss", ValueRank::kResult},
    {"valid_loss", ValueRank::kResult},
    {"train_loss", ValueRank::kResult},
    {"test_loss", ValueRank::kResult},
    {"test_acc", ValueRank::kResult},
    {"val_acc", ValueRank::kResult},
    {"psnr", ValueRank::kResult},
    {"fitness", ValueRank::kResult},
    {"_metadata", ValueRank::kBookkeeping},
    {"loops", ValueRank::kBookkeeping},
    {"_content", ValueRank::kBookkeeping},
    {"_parent", ValueRank::kBookkeeping},
    {"datamodule_hparams_name", ValueRank::kBookkeeping},
    {"_flags_cache", ValueRank::kBookkeeping},
    {"rng_state", ValueRank::kBookkeeping},
    {"rng_states", ValueRank::kBookkeeping},
    {"random_states", ValueRank::kBookkeeping},
    {"_step_count", ValueRank::kBookkeeping},
    {"_get_lr_called_within_step", ValueRank::kBookkeeping},
};

constexpr std::string_view kBest = "best";  // as in best_acc1, bestLoss

// Calls `see` with each step of a path, keys without brackets and quotes, until it returns true.
template <typename See>
void EachKey(std::string_view path, const See& see) {
  size_t begin = 0;
  for (size_t i = 0; i <= path.size(); ++i) {
    const bool ends = i == path.size() || path[i] == '.' || path[i] == '[' || path[i] == ']';
    if (!ends) continue;
    std::string_view key = path.substr(begin, i - begin);
    begin = i + 1;
    while (key.starts_with('"')) key.remove_prefix(1);
    while (key.ends_with('"')) key.remove_suffix(1);
    if (!key.empty() && see(key)) return;
  }
}

// The rank that a key gives, or kOther. There may be a value for each module of a large model.
ValueRank OfKey(std::string_view key) {
  static const auto ranks = [] {
    std::unordered_map<std::string_view, ValueRank, TextHash> map;
    for (const Word& word : kKeys) map.emplace(word.text, word.rank);
    return map;
  }();
  constexpr size_t kLongest = 32;
  if (key.size() > kLongest) key = key.substr(0, kLongest);
  char lower[kLongest];
  std::transform(key.begin(), key.end(), lower,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  const std::string_view text(lower, key.size());
  if (auto found = ranks.find(text); found != ranks.end()) return found->second;
  return text.starts_with(kBest) && text.size() > kBest.size() ? ValueRank::kResult : ValueRank::kOther;
}

size_t Depth(std::string_view path) {
  size_t keys = 0;
  EachKey(path, [&](std::string_view) { return ++keys > 8; });
  return keys;
}

}  // namespace

ValueRank RankOf(const Model& model, const PlainValue& plain) {
  if (plain.kind == PlainKind::kEmpty) return ValueRank::kBookkeeping;
  ValueRank rank = ValueRank::kOther;
  bool first = true;
  bool bookkeeping = false;
  EachKey(plain.path, [&](std::string_view key) {
    const ValueRank of_key = OfKey(key);
    bookkeeping = of_key == ValueRank::kBookkeeping;
    // Progress and results are values of their own; below settings all are settings.
    const bool decides = first || rank == ValueRank::kOther;
    if (decides && of_key != ValueRank::kOther) rank = of_key;
    first = false;
    return bookkeeping;
  });
  if (bookkeeping) return ValueRank::kBookkeeping;
  if (plain.part != kNone) {
    const PartKind kind = model.parts[plain.part].kind;
    if (kind == PartKind::kOptimizer || kind == PartKind::kScheduler) {
      const bool order = plain.path.ends_with(".params") && plain.kind == PlainKind::kSequence;
      return order || plain.kind == PlainKind::kNone ? ValueRank::kBookkeeping : ValueRank::kOptimizer;
    }
  }
  // A step count deep inside belongs to whatever is there.
  if (rank == ValueRank::kProgress && Depth(plain.path) > 2) return ValueRank::kOther;
  return rank;
}

std::vector<RankedValue> RankValues(const Model& model) {
  std::vector<RankedValue> values;
  values.reserve(model.plain.size());
  for (size_t i = 0; i < model.plain.size(); ++i) {
    values.push_back({static_cast<Index>(i), RankOf(model, model.plain[i])});
  }
  std::stable_sort(values.begin(), values.end(),
                   [](const RankedValue& a, const RankedValue& b) { return a.rank < b.rank; });
  return values;
}

}  // namespace pthview
