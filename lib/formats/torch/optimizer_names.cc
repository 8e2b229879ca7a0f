#include "lib/formats/torch/optimizer_names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

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

}  // namespace

void NameOptimizerStates(Model& model) {
  if (std::none_of(model.parts.begin(), model.parts.end(),
                   [](const Part& part) { return part.kind == PartKind::kOptimizer; })) {
    return;
  }
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
      model.findings.push_back(
          {Severity::kInfo, "optimizer-names", std::string(model.parts[optimizer].path),
           fmt::format(
               "its states fit the {} parameters of {} in their order: state[0] is that of {}, state[{}] that of {}",
               named.size(), model.parts[part].path.empty() ? "the file" : model.parts[part].path, named.front()->name,
               named.size() - 1, named.back()->name)});
      break;
    }
  }
}

}  // namespace pthview
