#include "lib/analysis/statistics/optimizer_state.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/statistics/value_reader.h"

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
      if (tensor.numel == 1 && model.tensors[parameters[number]].numel != 1) continue;  // step
      if (!SameShape(tensor, model.tensors[parameters[number]])) return false;
      ++compared;
    }
  }
  return compared > 0;
}

std::vector<std::vector<Index>> CandidateOrders(const Model& model) {
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
    orders.push_back(all);
    if (trained.size() != all.size() && !trained.empty()) orders.push_back(trained);
  }
  return orders;
}

double LearningRate(const Model& model, const StateOfParameter& state) {
  if (state.optimizer == kNone) return UpdateFigures::kNone;
  const std::string base(model.parts[state.optimizer].path);
  std::optional<double> rate;
  for (size_t group = 0;; ++group) {
    std::string path = (base.empty() ? "" : base + ".") + "param_groups[" + std::to_string(group) + "].lr";
    auto found = std::ranges::find(model.plain, path, &PlainValue::path);
    if (found == model.plain.end()) break;
    double value = 0;
    auto [end, error] = std::from_chars(found->text.data(), found->text.data() + found->text.size(), value);
    if (error != std::errc()) return UpdateFigures::kNone;
    // Which group a parameter is in is not looked up: several rates are no rate.
    if (rate && *rate != value) return UpdateFigures::kNone;
    rate = value;
  }
  return rate.value_or(UpdateFigures::kNone);
}

const Tensor* Find(const Model& model, const StateOfParameter& state, std::string_view last) {
  for (Index t : state.tensors) {
    std::string_view name = model.tensors[t].path;
    if (name.ends_with(last) && name.size() > last.size() && name[name.size() - last.size() - 1] == '.') {
      return &model.tensors[t];
    }
  }
  return nullptr;
}

// Root mean square of the finite values.
Result<double> RootMeanSquare(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(Statistics s, ComputeStatistics(model, tensor));
  return s.finite == 0 ? UpdateFigures::kNone : s.l2 / std::sqrt(static_cast<double>(s.finite));
}

// Sums over two tensors of the same shape, read in step.
template <typename Add>
Status ReadBoth(const Model& model, const Tensor& a, const Tensor& b, Add add) {
  PTHVIEW_ASSIGN(ValueReader left, ValueReader::OpenAll(model, a));
  PTHVIEW_ASSIGN(ValueReader right, ValueReader::OpenAll(model, b));
  std::vector<double> x;
  std::vector<double> y;
  constexpr int64_t kStep = 1 << 16;
  auto read = [](const ValueReader& reader, int64_t at, std::vector<double>* out) {
    out->clear();
    return reader.Read(at, kStep, [&](const ValueBlock& block) {
      out->insert(out->end(), block.floats.begin(), block.floats.end());
      out->insert(out->end(), block.doubles.begin(), block.doubles.end());
    });
  };
  for (int64_t at = 0; at < std::min(left.count(), right.count()); at += kStep) {
    PTHVIEW_TRY(read(left, at, &x));
    PTHVIEW_TRY(read(right, at, &y));
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (std::isfinite(x[i]) && std::isfinite(y[i])) add(x[i], y[i]);
    }
  }
  return Ok();
}

constexpr double kAdamEpsilon = 1e-8;

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
  const auto orders = CandidateOrders(model);
  for (size_t p = 0; p < model.parts.size(); ++p) {
    if (model.parts[p].kind != PartKind::kOptimizer) continue;
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
      joined.push_back(std::move(state));
    }
    for (const auto& order : orders) {
      if (!Fits(model, numbered, order)) continue;
      for (auto& [number, state] : numbered) {
        state.parameter = order[number];
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

Result<UpdateFigures> ComputeUpdate(const Model& model, const StateOfParameter& state) {
  UpdateFigures figures;
  PTHVIEW_ASSIGN(figures.weight, RootMeanSquare(model, model.tensors[state.parameter]));
  figures.learning_rate = LearningRate(model, state);
  const Tensor* average = Find(model, state, "exp_avg");
  const Tensor* square = Find(model, state, "exp_avg_sq");
  const Tensor* momentum = Find(model, state, "momentum_buffer");
  if (average != nullptr && square != nullptr && SameShape(*average, *square)) {
    figures.kind = "Adam";
    long double squares = 0;
    long double steps = 0;
    long double means = 0;
    int64_t count = 0;
    PTHVIEW_TRY(ReadBoth(model, *average, *square, [&](double m, double v) {
      v = std::max(v, 0.0);
      double step = m / (std::sqrt(v) + kAdamEpsilon);
      squares += v;
      means += static_cast<long double>(m) * m;
      steps += static_cast<long double>(step) * step;
      ++count;
    }));
    if (count > 0) {
      figures.gradient = static_cast<double>(std::sqrt(squares / count));
      figures.noise = squares > 0 ? static_cast<double>(std::sqrt(means / squares)) : UpdateFigures::kNone;
      figures.update = static_cast<double>(std::sqrt(steps / count));
    }
  } else if (momentum != nullptr) {
    figures.kind = "SGD with momentum";
    PTHVIEW_ASSIGN(figures.gradient, RootMeanSquare(model, *momentum));
    figures.update = figures.gradient;
  } else if (const Tensor* mean_square = Find(model, state, "square_avg")) {
    figures.kind = "RMSprop";
    PTHVIEW_ASSIGN(Statistics s, ComputeStatistics(model, *mean_square));
    figures.gradient = s.finite == 0 ? UpdateFigures::kNone : std::sqrt(std::max(s.mean, 0.0));
  } else if (const Tensor* sum = Find(model, state, "sum")) {
    figures.kind = "Adagrad";
    PTHVIEW_ASSIGN(Statistics s, ComputeStatistics(model, *sum));
    figures.gradient = s.finite == 0 ? UpdateFigures::kNone : std::sqrt(std::max(s.mean, 0.0));
  } else if (state.optimizer == kNone && state.tensors.size() == 1) {
    figures.kind = "gradient";
    PTHVIEW_ASSIGN(figures.gradient, RootMeanSquare(model, model.tensors[state.tensors[0]]));
  }
  if (!std::isnan(figures.learning_rate)) {
    figures.update *= figures.learning_rate;
    if (figures.weight > 0) figures.ratio = figures.update / figures.weight;
  }
  return figures;
}

}  // namespace pthview
