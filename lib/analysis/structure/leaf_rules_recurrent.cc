// LSTM, GRU and RNN. With gates 4, 3 or 1 and H hidden features, layer k has
//   weight_ih_l{k} [gates * H, in]   weight_hh_l{k} [gates * H, H or proj]   bias_ih_l{k}, bias_hh_l{k} [gates * H]
//   weight_hr_l{k} [proj, H] with a projection; and all of them again with `_reverse` when bidirectional.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "lib/analysis/structure/leaf_rules.h"

namespace pthview {
namespace {

enum Role : uint8_t { kInput, kHidden, kInputBias, kHiddenBias, kProjection };

constexpr auto kRoles = std::to_array<std::pair<std::string_view, Role>>({
    {"weight_ih", kInput},
    {"weight_hh", kHidden},
    {"bias_ih", kInputBias},
    {"bias_hh", kHiddenBias},
    {"weight_hr", kProjection},
});

struct RecurrentName {
  Role role = kInput;
  bool cell = false;  // no layer number: LSTMCell and its like
  int64_t layer = 0;
  bool reverse = false;
};

std::optional<RecurrentName> Parse(std::string_view name) {
  for (auto [stem, role] : kRoles) {
    if (!name.starts_with(stem)) continue;
    RecurrentName parsed{.role = role};
    name.remove_prefix(stem.size());
    if (name.empty()) {
      parsed.cell = true;
      return parsed;
    }
    if (name.ends_with("_reverse")) {
      parsed.reverse = true;
      name.remove_suffix(std::string_view("_reverse").size());
    }
    if (!name.starts_with("_l")) return std::nullopt;
    name.remove_prefix(2);
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), parsed.layer);
    if (error != std::errc() || end != name.data() + name.size() || parsed.layer < 0) return std::nullopt;
    return parsed;
  }
  return std::nullopt;
}

std::string_view ClassOfGates(int64_t gates) {
  switch (gates) {
    case 4: return "LSTM";
    case 3: return "GRU";
    case 1: return "RNN";
    default: return {};
  }
}

}  // namespace

LeafGuess GuessRecurrent(const Model& model, const Module& module) {
  std::array<std::span<const int64_t>, kRoles.size()> first;  // the shapes of layer 0, forward
  int64_t last_layer = 0;
  bool cell = false;
  bool bidirectional = false;
  size_t skip = module.parent == kNone ? 0 : module.path.size() + 1;
  if (!module.children.empty()) return {};
  for (Index index : module.tensors) {
    const Tensor& tensor = model.tensors[index];
    std::optional<RecurrentName> name = Parse(RelativeName(model, tensor, skip));
    if (!name) return {};
    cell = cell || name->cell;
    bidirectional = bidirectional || name->reverse;
    last_layer = std::max(last_layer, name->layer);
    if (name->layer == 0 && !name->reverse) first[name->role] = tensor.shape;
  }
  if (first[kInput].size() != 2 || first[kHidden].size() != 2 || first[kInput][0] != first[kHidden][0]) return {};
  bool projected = first[kProjection].size() == 2;
  int64_t hidden = projected ? first[kProjection][1] : first[kHidden][1];
  if (hidden <= 0 || first[kInput][0] % hidden != 0) return {};
  std::string_view name = ClassOfGates(first[kInput][0] / hidden);
  // A row a layer and direction at least: a name that counts further than there are tensors is no layer number.
  if (name.empty() || last_layer >= static_cast<int64_t>(module.tensors.size())) return {};

  LeafGuess guess{.class_name = std::string(name) + (cell ? "Cell" : "")};
  Note(guess, "input_size", first[kInput][1]);
  Note(guess, "hidden_size", hidden);
  NoteBias(guess, first[kInputBias].size() == 1);
  if (!cell) {
    if (last_layer > 0) Note(guess, "num_layers", last_layer + 1);
    if (bidirectional) Note(guess, "bidirectional", "True");
    if (projected) Note(guess, "proj_size", first[kProjection][0]);
    guess.assumption = "batch_first and dropout are not in the file";
  }
  if (name == "RNN") guess.assumption += cell ? "the nonlinearity is not in the file" : ", nor is the nonlinearity";
  return guess;
}

}  // namespace pthview
