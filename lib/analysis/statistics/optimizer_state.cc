#include "lib/analysis/statistics/optimizer_state.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace pthview {
namespace {

bool SameShape(const Tensor& a, const Tensor& b) { return std::ranges::equal(a.shape, b.shape); }

// "state[3].exp_avg" -> "state[3]" and "exp_avg"; 'state["fc.weight"].step' likewise.
struct StateName {
  std::string_view head;  // up to the last dot
  std::string_view last;
  std::optional<size_t> number;
  std::string_view key;  // of a named state
};

std::optional<StateName> ParseState(std::string_view name) {
  size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  StateName parsed{.head = name.substr(0, dot), .last = name.substr(dot + 1)};
  constexpr std::string_view kState = "state";
  if (!parsed.head.starts_with(kState)) return std::nullopt;
  std::string_view key = parsed.head.substr(kState.size());
  if (key.starts_with("[\"") && key.ends_with("\"]")) {
    parsed.key = key.substr(2, key.size() - 4);
  } else if (key.starts_with('[') && key.ends_with(']')) {
    size_t number = 0;
    std::string_view digits = key.substr(1, key.size() - 2);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    parsed.number = number;
  } else if (key.starts_with('.')) {
    parsed.key = key.substr(1);
  } else {
    return std::nullopt;
  }
  return parsed;
}

// Whether each numbered state has the shape of the parameter of its number.
bool Fits(const Model& model, const std::map<size_t, StateOfParameter>& states, const std::vector<Index>& parameters) {
  size_t compared = 0;
  for (const auto& [number, state] : states) {
    if (number >= parameters.size()) return false;
    for (Index t : state.tensors) {
      const Tensor& tensor = model.tensors[t];
      const Tensor& parameter = model.tensors[parameters[number]];
      if (tensor.numel == 1 && parameter.numel != 1) continue;  // step
      // Adafactor's: of rows and columns.
      const bool factor =
          tensor.name.ends_with("_var") || tensor.name.ends_with("_row") || tensor.name.ends_with("_col");
      const bool fits = factor ? tensor.numel > 0 && parameter.numel % tensor.numel == 0 : SameShape(tensor, parameter);
      if (!fits) return false;
      ++compared;
    }
  }
  return compared > 0;
}

std::vector<std::vector<Index>> CandidateOrders(const Model& model, bool several_groups) {
  std::vector<std::vector<Index>> orders;
  for (size_t p = 0; p < model.parts.size(); ++p) {
    if (model.parts[p].kind != PartKind::kModel) continue;
    std::vector<Index> all;
    std::vector<Index> trained;
    for (size_t t = 0; t < model.tensors.size(); ++t) {
      const Tensor& tensor = model.tensors[t];
      if (tensor.part != p || tensor.kind != TensorKind::kParameter || tensor.same_as != kNone) continue;
      all.push_back(static_cast<Index>(t));
      if (tensor.requires_grad.value_or(true)) trained.push_back(static_cast<Index>(t));
    }
    const size_t before = orders.size();
    orders.push_back(all);
    if (trained.size() != all.size() && !trained.empty()) orders.push_back(trained);
    if (!several_groups) continue;
    for (size_t o = before, end = orders.size(); o < end; ++o) {
      std::vector<Index> divided = orders[o];
      std::ranges::stable_partition(divided, [&](Index t) { return model.tensors[t].shape.size() >= 2; });
      orders.push_back(std::move(divided));
    }
  }
  return orders;
}

}  // namespace

std::vector<StateOfParameter> JoinOptimizerStates(const Model& model) {
  std::vector<StateOfParameter> joined;
  std::map<std::string_view, Index> parameters;
  for (size_t t = 0; t < model.tensors.size(); ++t) {
    const Tensor& tensor = model.tensors[t];
    if (tensor.part < model.parts.size() && model.parts[tensor.part].kind == PartKind::kModel) {
      parameters.try_emplace(tensor.name, static_cast<Index>(t));
    }
  }
  for (size_t p = 0; p < model.parts.size(); ++p) {
    if (model.parts[p].kind != PartKind::kOptimizer) continue;
    const OptimizerGroups groups(model, model.parts[p].path);
    std::map<size_t, StateOfParameter> numbered;
    std::map<std::string_view, StateOfParameter> named;
    for (size_t t = 0; t < model.tensors.size(); ++t) {
      const Tensor& tensor = model.tensors[t];
      if (tensor.part != p) continue;
      auto parsed = ParseState(tensor.name);
      if (!parsed) continue;
      StateOfParameter& state = parsed->number ? numbered[*parsed->number] : named[parsed->key];
      state.optimizer = static_cast<Index>(p);
      state.state_path = tensor.path.substr(0, tensor.path.size() - parsed->last.size() - 1);
      state.tensors.push_back(static_cast<Index>(t));
    }
    for (auto& [key, state] : named) {
      auto found = parameters.find(key);
      if (found == parameters.end()) continue;
      state.parameter = found->second;
      state.options = groups.OptionsOf(key, state.state_path);
      joined.push_back(std::move(state));
    }
    for (const auto& order : CandidateOrders(model, groups.size() > 1)) {
      if (!Fits(model, numbered, order)) continue;
      for (auto& [number, state] : numbered) {
        state.parameter = order[number];
        state.options = groups.OptionsOf(number, state.state_path);
        joined.push_back(std::move(state));
      }
      break;
    }
  }
  // Gradients that were saved: "grads.fc.weight", "gradients.fc.weight", "fc.weight.grad".
  for (size_t t = 0; t < model.tensors.size(); ++t) {
    const Tensor& tensor = model.tensors[t];
    std::string_view name = tensor.path;
    std::string_view of;
    for (std::string_view head : {"grads.", "grad.", "gradients."}) {
      if (name.starts_with(head)) of = name.substr(head.size());
    }
    if (constexpr std::string_view kTail = ".grad"; tensor.name.ends_with(kTail)) {
      of = tensor.name.substr(0, tensor.name.size() - kTail.size());
    }
    auto found = parameters.find(of);
    if (of.empty() || found == parameters.end() || !SameShape(tensor, model.tensors[found->second])) continue;
    joined.push_back({.parameter = found->second, .state_path = tensor.path, .tensors = {static_cast<Index>(t)}});
  }
  return joined;
}

}  // namespace pthview
