#include "lib/formats/torch/parts.h"

#include <algorithm>
#include <string>
#include <vector>

namespace pthview {

using pickle::Kind;
using pickle::Value;

namespace {

// Words of a key: "model_ema", "modelEMA" and "Model-EMA" all give {model, ema}.
std::vector<std::string> Words(std::string_view key) {
  std::vector<std::string> words;
  bool start = true;
  char before = 0;
  for (char c : key.substr(0, 200)) {
    bool upper = c >= 'A' && c <= 'Z';
    bool letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter) {
      start = true;
    } else {
      if (start || (upper && before >= 'a' && before <= 'z')) words.emplace_back();
      words.back() += static_cast<char>(upper ? c + 32 : c);
      start = false;
    }
    before = c;
  }
  return words;
}

struct WordRule {
  std::string_view word;  // a prefix of a word of the key
  PartKind kind;
};
// The first row that fits decides.
constexpr WordRule kWordRules[] = {
    {"optim", PartKind::kOptimizer}, {"sched", PartKind::kScheduler}, {"ema", PartKind::kEma},
    {"averaged", PartKind::kEma},    {"swa", PartKind::kEma},
};

bool HasOptimizerWord(std::string_view key) {
  const std::vector<std::string> words = Words(key);
  return std::any_of(words.begin(), words.end(), [](const std::string& word) { return word.starts_with("optim"); });
}

// Keys under which people and trainers keep the weights.
constexpr std::string_view kModelKeys[] = {
    "state_dict", "model",     "model_state_dict", "model_state", "net",        "network",    "params",
    "weights",    "generator", "discriminator",    "module",      "netG",       "netD",       "G",
    "D",          "encoder",   "decoder",          "backbone",    "policy",     "actor",      "critic",
    "student",    "teacher",   "net_state_dict",   "state",       "model_dict", "base_model", "weight",
};

// Keys whose tensors are not weights.
constexpr std::string_view kNotModelWords[] = {
    "args",    "arg",   "config", "cfg",       "hparams", "hyper",  "loss",  "losses",   "metrics",   "metric",
    "history", "rng",   "random", "callbacks", "loops",   "scaler", "amp",   "meta",     "metadata",  "results",
    "train",   "epoch", "step",   "stats",     "param",   "grad",   "grads", "gradient", "gradients",
};

}  // namespace

bool PartRules::IsModule(Value value) { return forms_.IsModule(value); }

bool PartRules::IsOptimizer(Value value) {
  auto pairs = values_.Pairs(value);
  if (!pairs) pairs = values_.AttributesOf(value);
  return pairs && TorchValues::Find(*pairs, "param_groups") != nullptr && TorchValues::Find(*pairs, "state") != nullptr;
}

bool PartRules::HasInside(Value value) {
  if (values_.Pairs(value) || values_.Items(value) || IsModule(value)) return true;
  if (!value.Is(Kind::kObject)) return false;
  const pickle::Object& object = values_.tree().ObjectOf(value);
  if (values_.tree().StateOf(object) != nullptr || !values_.tree().ItemsOf(object).empty()) return true;
  auto args = values_.tree().Sequence(object.args);
  return std::any_of(args.begin(), args.end(),
                     [](Value arg) { return !TorchValues::IsScalar(arg) && !arg.Is(Kind::kGlobal); });
}

bool PartRules::HasDirectTensors(Value value) {
  auto pairs = values_.Pairs(value);
  if (!pairs) return false;
  return std::any_of(pairs->begin(), pairs->end(), [this](const auto& pair) { return tensors_.IsTensor(pair.second); });
}

bool PartRules::HasTensorsWithin(Value value, int depth, int* budget) {
  if (tensors_.IsTensor(value) || IsModule(value)) return true;
  if (depth == 0) return false;
  auto inside = [&](Value child) { return --*budget > 0 && HasTensorsWithin(child, depth - 1, budget); };
  if (auto pairs = values_.Pairs(value)) {
    return std::any_of(pairs->begin(), pairs->end(), [&](const auto& pair) { return inside(pair.second); });
  }
  if (auto items = values_.Items(value)) return std::any_of(items->begin(), items->end(), inside);
  return false;
}

PartKind PartRules::KindOf(std::string_view key, Value value) {
  if (!HasInside(value)) return PartKind::kOther;
  std::vector<std::string> words = Words(key);
  for (const WordRule& rule : kWordRules) {
    for (const std::string& word : words) {
      if (word.starts_with(rule.word)) return rule.kind;
    }
  }
  auto pairs = values_.Pairs(value);
  if (pairs && TorchValues::Find(*pairs, "param_groups") != nullptr) return PartKind::kOptimizer;
  if (IsOptimizer(value)) return PartKind::kOptimizer;
  if (IsModule(value)) return PartKind::kModel;
  int budget = 2000;
  if (!pairs || !HasTensorsWithin(value, 4, &budget)) return PartKind::kOther;
  if (std::find(std::begin(kModelKeys), std::end(kModelKeys), key) != std::end(kModelKeys)) return PartKind::kModel;
  for (const std::string& word : words) {
    if (std::find(std::begin(kNotModelWords), std::end(kNotModelWords), word) != std::end(kNotModelWords)) {
      return PartKind::kOther;
    }
  }
  return PartKind::kModel;
}

PartKind PartRules::KindOfAttribute(std::string_view key, Value value) {
  if (IsOptimizer(value)) return PartKind::kOptimizer;
  int budget = 2000;
  if (IsModule(value) || HasTensorsWithin(value, 4, &budget)) return KindOf(key, value);
  return PartKind::kOther;
}

bool PartRules::IsNestedCheckpoint(Value value) {
  auto pairs = values_.Pairs(value);
  if (!pairs || IsOptimizer(value)) return false;
  for (const auto& [key, child] : *pairs) {
    if (!key.IsText() || TorchValues::IsScalar(child) || tensors_.IsTensor(child)) continue;
    bool known = key.Text() == "state_dict" || key.Text() == "model_state_dict" || key.Text().starts_with("optimizer");
    int budget = 200;
    if (known && values_.Pairs(child) && HasTensorsWithin(child, 2, &budget)) return true;
    // {"model": ..., "_optimizers": [...]}, as trainers that keep all of their state under one key write it.
    if (HasOptimizerWord(key.Text()) && HasTensorsWithin(child, 5, &budget)) return true;
  }
  return false;
}

RootShape PartRules::ShapeOf(Value root) {
  if (tensors_.IsTensor(root)) return RootShape::kOther;
  if (IsModule(root)) return RootShape::kModule;
  auto pairs = values_.Pairs(root);
  if (!pairs) return RootShape::kOther;
  if (!HasDirectTensors(root)) return RootShape::kCheckpoint;
  for (const auto& [key, value] : *pairs) {
    if (!key.IsText() || tensors_.IsTensor(value)) continue;
    bool section = IsModule(value) || values_.Pairs(value).has_value();
    if (!section) continue;
    bool known = std::find(std::begin(kModelKeys), std::end(kModelKeys), key.Text()) != std::end(kModelKeys);
    if ((known && HasDirectTensors(value)) || IsModule(value) || KindOf(key.Text(), value) == PartKind::kOptimizer) {
      return RootShape::kCheckpoint;
    }
  }
  return RootShape::kStateDict;
}

}  // namespace pthview
