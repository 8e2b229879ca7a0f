#include "lib/formats/torch/optimizer_names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "lib/base/text_hash.h"

namespace pthview {
namespace {

// 3 for "state[3].exp_avg".
std::optional<size_t> StateNumber(std::string_view name) {
  constexpr std::string_view kHead = "state[";
  if (!name.starts_with(kHead)) return std::nullopt;
  size_t number = 0;
  const char* end = name.data() + name.size();
  auto [at, error] = std::from_chars(name.data() + kHead.size(), end, number);
  if (error != std::errc() || end - at < 2 || at[0] != ']') return std::nullopt;
  return number;
}

// Whether every state that is no scalar has the shape of the parameter of its number, and the last parameter has one.
bool Fits(const std::vector<const Tensor*>& states, const std::vector<const Tensor*>& parameters) {
  size_t compared = 0;
  size_t last = 0;
  for (const Tensor* state : states) {
    size_t number = *StateNumber(state->name);
    if (number >= parameters.size()) return false;
    last = std::max(last, number);
    if (state->shape.empty()) continue;  // step
    const Tensor& parameter = *parameters[number];
    if (!std::equal(state->shape.begin(), state->shape.end(), parameter.shape.begin(), parameter.shape.end()))
      return false;
    ++compared;
  }
  return compared > 0 && last + 1 == parameters.size();
}

// States filed by name: "exp_avg" of "layer1.weight" for "state.layer1.weight.exp_avg".
void LinkByName(Model& model) {
  std::unordered_map<std::string_view, Index, TextHash> parameters;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const Tensor& tensor = model.tensors[i];
    if (tensor.part == kNone || model.parts[tensor.part].kind != PartKind::kModel) continue;
    if (tensor.kind == TensorKind::kParameter) parameters.try_emplace(tensor.name, static_cast<Index>(i));
  }
  constexpr std::string_view kHead = "state.";
  for (Tensor& tensor : model.tensors) {
    if (tensor.part == kNone || model.parts[tensor.part].kind != PartKind::kOptimizer) continue;
    std::string_view name = tensor.name;
    if (!name.starts_with(kHead)) continue;
    name.remove_prefix(kHead.size());
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) continue;
    auto found = parameters.find(name.substr(0, dot));
    if (found != parameters.end()) tensor.state_of = found->second;
  }
}

}  // namespace

void NameOptimizerStates(Model& model) {
  if (std::none_of(model.parts.begin(), model.parts.end(),
                   [](const Part& part) { return part.kind == PartKind::kOptimizer; })) {
    return;
  }
  LinkByName(model);
  std::vector<std::vector<const Tensor*>> states(model.parts.size());
  std::vector<std::vector<const Tensor*>> parameters(model.parts.size());
  for (const Tensor& tensor : model.tensors) {
    if (tensor.part == kNone) continue;
    PartKind kind = model.parts[tensor.part].kind;
    if (kind == PartKind::kOptimizer && StateNumber(tensor.name)) states[tensor.part].push_back(&tensor);
    bool parameter = tensor.kind == TensorKind::kParameter && tensor.same_as == kNone;
    if (kind == PartKind::kModel && parameter) parameters[tensor.part].push_back(&tensor);
  }
  for (size_t optimizer = 0; optimizer < states.size(); ++optimizer) {
    if (states[optimizer].empty()) continue;
    for (size_t part = 0; part < parameters.size(); ++part) {
      const auto& named = parameters[part];
      if (named.empty() || !Fits(states[optimizer], named)) continue;
      for (const Tensor* state : states[optimizer]) {
        model.tensors[static_cast<size_t>(state - model.tensors.data())].state_of =
            static_cast<Index>(named[*StateNumber(state->name)] - model.tensors.data());
      }
      model.findings.push_back(
          {Severity::kInfo, "optimizer-names", std::string(model.parts[optimizer].path),
           fmt::format(
               "its states fit the {} parameter{} of {} in their order: state[0] is that of {}, state[{}] that of {}",
               named.size(), named.size() == 1 ? "" : "s",
               model.parts[part].path.empty() ? "the file" : model.parts[part].path, named.front()->name,
               named.size() - 1, named.back()->name)});
      break;
    }
  }
}

}  // namespace pthview
