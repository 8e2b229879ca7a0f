#include "lib/formats/torch/packed_params.h"

#include <string_view>

namespace pthview {

using pickle::Kind;
using pickle::Pair;
using pickle::Value;

namespace {

constexpr std::string_view kClasses = "__torch__.torch.classes.";

}  // namespace

std::optional<PackedReader::State> PackedReader::StateOf(Value value) const {
  if (!value.Is(Kind::kObject)) return std::nullopt;
  const pickle::Object& object = tree_.ObjectOf(value);
  if (!object.callable.Is(Kind::kGlobal) || tree_.GlobalOf(object.callable).name != "ScriptObject") return std::nullopt;
  auto both = tree_.StateItemsOf(object);
  if (both.size() != 2 || !both[1].IsText() || !both[1].Text().starts_with(kClasses)) return std::nullopt;
  std::string_view type = both[1].Text().substr(kClasses.size());
  // Other people's classes are shown as the objects that they are.
  if (!type.starts_with("quantized.") && !type.starts_with("rnn.") && !type.starts_with("sparse.")) return std::nullopt;
  return State{both[0], type.substr(type.rfind('.') + 1)};
}

std::optional<PackedParams> PackedReader::Read(Value value) {
  if (!value.Is(Kind::kObject)) return std::nullopt;
  auto state = StateOf(value);
  if (!state) return std::nullopt;
  auto found = known_.find(value.index);
  if (found == known_.end()) found = known_.emplace(value.index, Unpack(*state)).first;
  return found->second;
}

std::span<const Value> PackedReader::ItemsAt(Value sequence, size_t index) const {
  auto items = tree_.Sequence(sequence);
  if (index >= items.size()) return {};
  return values_.Items(items[index]).value_or(std::span<const Value>{});
}

std::optional<PackedParams> PackedReader::Unpack(const State& state) {
  auto text = [](std::string_view name) {
    Value key;
    key.kind = Kind::kString;
    key.length = static_cast<uint32_t>(name.size());
    key.text = name.data();
    return key;
  };
  auto number = [](int64_t index) {
    Value key;
    key.kind = Kind::kInt;
    key.integer = index;
    return key;
  };
  if (state.type == "EmbeddingPackedParamsBase") {
    auto weight = ItemsAt(state.state, 1);
    if (weight.size() == 1) return PackedParams{.value = weight[0]};
  } else if (state.type.starts_with("Conv") && state.type.ends_with("PackedParamsBase")) {
    auto old = ItemsAt(state.state, 1);
    auto tensors = ItemsAt(state.state, 2);
    std::vector<Pair> pairs;
    if (old.size() == 2 && tensors.size() == 1) {
      pairs = {{number(0), old[1]}, {number(1), tensors[0]}};
    } else if (tensors.size() == 3) {
      pairs = {{number(0), tensors[1]}, {number(1), tensors[2]}};
    }
    if (!pairs.empty()) return PackedParams{.several = made_.emplace_back(std::move(pairs))};
  } else if (state.type == "CellParamsBase") {
    auto packed = ItemsAt(state.state, 4);
    constexpr std::string_view kNames[][2] = {{"weight_ih", "bias_ih"}, {"weight_hh", "bias_hh"}};
    std::vector<Pair> pairs;
    for (size_t i = 0; packed.size() == 2 && i < 2; ++i) {
      auto linear = StateOf(packed[i]);
      auto both = linear ? tree_.Sequence(linear->state) : std::span<const Value>{};
      if (both.size() < 2) break;
      for (size_t k = 0; k < 2; ++k) pairs.push_back({text(kNames[i][k]), both[k]});
    }
    if (pairs.size() == 4) return PackedParams{.several = made_.emplace_back(std::move(pairs))};
  }
  return PackedParams{.value = state.state};
}

}  // namespace pthview
