#include "lib/analysis/compare/checkpoint_step.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace pthview {
namespace {

constexpr auto kKeys =
    std::to_array<std::string_view>({"global_step", "global_steps", "step", "steps", "iteration", "iterations", "iter",
                                     "num_updates", "epoch", "epochs", "last_epoch"});

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::vector<CheckpointStep> StepsOf(const Model& model) {
  std::vector<CheckpointStep> steps;
  for (std::string_view key : kKeys) {
    const PlainValue* best = nullptr;
    for (const PlainValue& plain : model.plain) {
      if (plain.kind != PlainKind::kInt && plain.kind != PlainKind::kFloat) continue;
      std::string_view path = plain.path;
      if (path.substr(path.find_last_of(".") + 1) != key) continue;  // npos + 1 is 0
      if (path.find('[') != std::string_view::npos) continue;        // of one parameter's state
      if (best == nullptr || path.size() < best->path.size()) best = &plain;
    }
    if (best == nullptr) continue;
    double value = 0;
    auto [end, error] = std::from_chars(best->text.data(), best->text.data() + best->text.size(), value);
    if (error == std::errc() && end == best->text.data() + best->text.size() && std::isfinite(value)) {
      steps.push_back({std::string(best->path), std::string(key), value});
    }
  }
  return steps;
}

bool NaturallyLess(std::string_view a, std::string_view b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!IsDigit(a[i]) || !IsDigit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    auto number = [](std::string_view text, size_t* at) {
      size_t first = *at;
      while (*at < text.size() && IsDigit(text[*at])) ++*at;
      std::string_view digits = text.substr(first, *at - first);
      digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
      return digits;
    };
    std::string_view x = number(a, &i);
    std::string_view y = number(b, &j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  return a.size() - i < b.size() - j;
}

CheckpointOrder OrderCheckpoints(std::span<const Model* const> models) {
  CheckpointOrder order;
  for (size_t i = 0; i < models.size(); ++i) order.order.push_back(i);
  std::vector<std::vector<CheckpointStep>> steps;
  for (const Model* model : models) steps.push_back(StepsOf(*model));
  for (std::string_view key : kKeys) {
    std::vector<double> values;
    for (const auto& of_model : steps) {
      auto found = std::ranges::find(of_model, key, &CheckpointStep::key);
      if (found != of_model.end()) values.push_back(found->value);
    }
    if (values.size() != models.size() || std::ranges::adjacent_find(values, std::not_equal_to<>()) == values.end()) {
      continue;
    }
    order.key = key;
    order.steps = values;
    std::ranges::stable_sort(order.order, [&](size_t a, size_t b) { return values[a] < values[b]; });
    return order;
  }
  std::ranges::stable_sort(order.order,
                           [&](size_t a, size_t b) { return NaturallyLess(models[a]->file, models[b]->file); });
  return order;
}

}  // namespace pthview
