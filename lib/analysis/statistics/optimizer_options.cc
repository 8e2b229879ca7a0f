#include "lib/analysis/statistics/optimizer_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace pthview {
namespace {

constexpr size_t kMostGroups = size_t{1} << 16;

std::optional<double> NumberOf(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Field {
  std::string_view name;
  double OptimizerOptions::* value;
};
constexpr Field kFields[] = {
    {"lr", &OptimizerOptions::lr},
    {"eps", &OptimizerOptions::eps},
    {"momentum", &OptimizerOptions::momentum},
    {"weight_decay", &OptimizerOptions::weight_decay},
    {"alpha", &OptimizerOptions::decay},
    {"rho", &OptimizerOptions::decay},
    {"lr_decay", &OptimizerOptions::lr_decay},
    {"initial_accumulator_value", &OptimizerOptions::initial_accumulator_value},
    {"ns_steps", &OptimizerOptions::ns_steps},
    // of groups that count for all their parameters
    {"step", &OptimizerOptions::step},
};

// "(0.9, 0.999)"
void ReadBetas(std::string_view text, OptimizerOptions* options) {
  if (text.size() < 2) return;
  text = text.substr(1, text.size() - 2);
  const size_t comma = text.find(", ");
  if (comma == std::string_view::npos) return;
  options->beta1 = NumberOf(text.substr(0, comma)).value_or(OptimizerOptions::kNone);
  options->beta2 = NumberOf(text.substr(comma + 2)).value_or(OptimizerOptions::kNone);
}

// What two groups have in common.
OptimizerOptions Common(const OptimizerOptions& a, const OptimizerOptions& b) {
  OptimizerOptions common = a;
  for (double OptimizerOptions::* value :
       {&OptimizerOptions::beta1, &OptimizerOptions::beta2, &OptimizerOptions::lr, &OptimizerOptions::eps,
        &OptimizerOptions::momentum, &OptimizerOptions::weight_decay, &OptimizerOptions::decay,
        &OptimizerOptions::lr_decay, &OptimizerOptions::initial_accumulator_value, &OptimizerOptions::ns_steps,
        &OptimizerOptions::step}) {
    if (a.*value != b.*value) common.*value = OptimizerOptions::kNone;
  }
  common.nesterov = a.nesterov || b.nesterov;
  return common;
}

}  // namespace

OptimizerGroups::OptimizerGroups(const Model& model, std::string_view path) {
  const std::string base = path.empty() ? "" : std::string(path) + ".";
  const std::string group_head = base + "param_groups[";
  const std::string state_head = base + "state";
  constexpr std::string_view kStep = ".step";
  for (const PlainValue& plain : model.plain) {
    if (plain.path.starts_with(state_head) && plain.path.ends_with(kStep)) {
      if (auto step = NumberOf(plain.text))
        steps_[std::string(plain.path.substr(0, plain.path.size() - kStep.size()))] = *step;
      continue;
    }
    if (!plain.path.starts_with(group_head)) continue;
    std::string_view rest = plain.path.substr(group_head.size());
    size_t index = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    rest = rest.substr(static_cast<size_t>(end - rest.data()));
    if (error != std::errc() || index >= kMostGroups || !rest.starts_with("].")) continue;
    rest.remove_prefix(2);
    if (index >= groups_.size()) groups_.resize(index + 1);
    Group& group = groups_[index];
    if (rest == "betas") ReadBetas(plain.text, &group.options);
    if (rest == "nesterov") group.options.nesterov = plain.text == "True";
    if (rest == "params") {
      group.params = plain.text;
      std::string_view first = plain.text.size() > 1 ? plain.text.substr(1) : std::string_view();
      auto [stop, bad] = std::from_chars(first.data(), first.data() + first.size(), group.first);
      group.numbered = bad == std::errc() && stop != first.data();
    }
    for (const Field& field : kFields) {
      if (rest == field.name) group.options.*field.value = NumberOf(plain.text).value_or(OptimizerOptions::kNone);
    }
  }
}

OptimizerOptions OptimizerGroups::WithStep(OptimizerOptions options, std::string_view state_path) const {
  if (auto found = steps_.find(state_path); found != steps_.end()) options.step = found->second;
  return options;
}

OptimizerOptions OptimizerGroups::OptionsOf(size_t number, std::string_view state_path) const {
  const Group* best = nullptr;
  for (const Group& group : groups_) {
    if (group.numbered && group.first <= number && (best == nullptr || group.first > best->first)) best = &group;
  }
  if (best == nullptr) return OptionsOf(std::string_view(), state_path);
  return WithStep(best->options, state_path);
}

OptimizerOptions OptimizerGroups::OptionsOf(std::string_view name, std::string_view state_path) const {
  if (groups_.empty()) return WithStep({}, state_path);
  const std::string quoted = "'" + std::string(name) + "'";
  std::optional<OptimizerOptions> common;
  for (const Group& group : groups_) {
    if (!name.empty() && group.params.find(quoted) != std::string_view::npos) {
      return WithStep(group.options, state_path);
    }
    common = common ? Common(*common, group.options) : group.options;
  }
  return WithStep(*common, state_path);
}

}  // namespace pthview
