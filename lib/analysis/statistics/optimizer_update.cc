// What each kind of optimizer's state says of gradients and steps. The formulas are those of torch.optim's
// documentation (https://docs.pytorch.org/docs/stable/optim.html).
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/statistics/optimizer_state.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/statistics/value_reader.h"

namespace pthview {
namespace {

constexpr double kUnknown = UpdateFigures::kNone;

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
  return s.finite == 0 ? kUnknown : s.l2 / std::sqrt(static_cast<double>(s.finite));
}

// Root of the mean, of what holds squares.
Result<double> RootMean(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(Statistics s, ComputeStatistics(model, tensor));
  return s.finite == 0 ? kUnknown : std::sqrt(std::max(s.mean, 0.0));
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

bool SameShape(const Tensor* a, const Tensor* b) {
  return a != nullptr && b != nullptr && std::ranges::equal(a->shape, b->shape);
}

void Assume(UpdateFigures* figures, std::string_view what) {
  if (!figures->assumed.empty()) figures->assumed += "; ";
  figures->assumed += what;
}

// The file's value, or torch's default, which is then said.
double Or(double value, double otherwise, std::string_view name, UpdateFigures* figures) {
  if (!std::isnan(value)) return value;
  Assume(figures, fmt::format("{} {:g}", name, otherwise));
  return otherwise;
}

// What the figures are made of; `update` is without the learning rate.
class Update {
 public:
  Update(const Model& model, const StateOfParameter& state) : model_(model), state_(state), options_(state.options) {}

  Result<UpdateFigures> Run() {
    PTHVIEW_ASSIGN(f_.weight, RootMeanSquare(model_, model_.tensors[state_.parameter]));
    f_.learning_rate = options_.lr;
    PTHVIEW_TRY(ReadStep());
    PTHVIEW_TRY(ByKind());
    if (std::isnan(f_.learning_rate)) {
      f_.update = kUnknown;  // nothing says by what it is multiplied
    } else {
      f_.update *= f_.learning_rate;
      if (f_.weight > 0) f_.ratio = f_.update / f_.weight;
    }
    if (options_.weight_decay > 0 && !std::isnan(f_.update)) Assume(&f_, "weight decay left out");
    return std::move(f_);
  }

 private:
  const Tensor* Of(std::string_view name) const { return Find(model_, state_, name); }

  Status ReadStep() {
    const Tensor* step = Of("step");
    if (step == nullptr || step->numel != 1 || step->data != DataState::kPresent) return Ok();
    PTHVIEW_ASSIGN(Statistics s, ComputeStatistics(model_, *step));
    if (s.finite == 1) options_.step = s.mean;
    return Ok();
  }

  Status ByKind() {
    const Tensor* average = Of("exp_avg");
    const Tensor* square = Of("exp_avg_sq");
    const Tensor* mean_square = Of("square_avg");
    const Tensor* momentum = Of("momentum_buffer");
    if (SameShape(average, square)) return Adam(*average, *square);
    if (SameShape(average, Of("exp_inf"))) return Adamax(*average, *Of("exp_inf"));
    if (SameShape(mean_square, Of("acc_delta"))) return Adadelta(*mean_square, *Of("acc_delta"));
    if (mean_square != nullptr) return RmsProp(*mean_square, momentum);
    if (const Tensor* sum = Of("sum")) return Adagrad(*sum);
    for (std::string_view name : {"row_var", "exp_avg_sq_row", "variance", "exp_avg_sq"}) {
      if (const Tensor* factor = Of(name)) return Adafactor(*factor);
    }
    if (SameShape(Of("prev"), Of("step_size"))) return Rprop(*Of("prev"), *Of("step_size"));
    if (momentum != nullptr) return Momentum(*momentum);
    if (average != nullptr) return OnlyAverage(*average);
    if (state_.optimizer == kNoPart && state_.tensors.size() == 1) return Gradient();
    return Ok();
  }

  // Both averages began at 0 and are too small by 1 - beta^step, which the step corrects.
  Status Adam(const Tensor& average, const Tensor& square) {
    f_.kind = "Adam";
    const Tensor* bound = SameShape(&square, Of("max_exp_avg_sq")) ? Of("max_exp_avg_sq") : nullptr;
    if (bound != nullptr) f_.kind = "Adam (AMSGrad)";
    if (Of("mu_product") != nullptr) {
      f_.kind = "NAdam";
      Assume(&f_, "its look ahead left out");
    }
    const double beta1 = Or(options_.beta1, 0.9, "beta1", &f_);
    const double beta2 = Or(options_.beta2, 0.999, "beta2", &f_);
    const double eps = Or(options_.eps, 1e-8, "eps", &f_);
    double first = 1;
    double second = 1;
    if (options_.step >= 1) {
      first = 1 - std::pow(beta1, options_.step);
      second = 1 - std::pow(beta2, options_.step);
    } else {
      Assume(&f_, "so many steps that bias needs no correction");
    }
    if (!(first > 0) || !(second > 0)) return Ok();
    long double squares = 0, steps = 0, means = 0;
    int64_t count = 0;
    PTHVIEW_TRY(ReadBoth(model_, average, square, [&](double m, double v) {
      m /= first;
      v = std::max(v, 0.0) / second;
      squares += v;
      means += static_cast<long double>(m) * m;
      const double step = m / (std::sqrt(v) + eps);
      steps += static_cast<long double>(step) * step;
      ++count;
    }));
    if (count == 0) return Ok();
    f_.gradient = static_cast<double>(std::sqrt(squares / count));
    f_.noise = squares > 0 ? static_cast<double>(std::sqrt(means / squares)) : kUnknown;
    f_.update = static_cast<double>(std::sqrt(steps / count));
    if (bound == nullptr) return Ok();
    steps = 0;
    count = 0;
    PTHVIEW_TRY(ReadBoth(model_, average, *bound, [&](double m, double v) {
      const double step = m / first / (std::sqrt(std::max(v, 0.0) / second) + eps);
      steps += static_cast<long double>(step) * step;
      ++count;
    }));
    f_.update = count > 0 ? static_cast<double>(std::sqrt(steps / count)) : kUnknown;
    return Ok();
  }

  Status Adamax(const Tensor& average, const Tensor& largest) {
    f_.kind = "Adamax";
    const double beta1 = Or(options_.beta1, 0.9, "beta1", &f_);
    const double first = options_.step >= 1 ? 1 - std::pow(beta1, options_.step) : 1;
    PTHVIEW_ASSIGN(f_.gradient, RootMeanSquare(model_, largest));
    Assume(&f_, "gradient: the largest of late, which is all that is kept");
    return MeanOfSquares(average, largest, [&](double m, double u) { return u > 0 ? m / first / u : 0; });
  }

  // By how much a running mean that began at 0 is still too small; 1 where nothing says.
  double Filled() {
    if (!(options_.step >= 1) || !(options_.decay > 0) || !(options_.decay < 1)) {
      Assume(&f_, "so many steps that running means are full");
      return 1;
    }
    return 1 - std::pow(options_.decay, options_.step);
  }

  Status Adadelta(const Tensor& mean_square, const Tensor& deltas) {
    f_.kind = "Adadelta";
    const double filled = std::sqrt(Filled());
    PTHVIEW_ASSIGN(f_.gradient, RootMean(model_, mean_square));
    PTHVIEW_ASSIGN(f_.update, RootMean(model_, deltas));  // a running mean of the steps' squares
    f_.gradient /= filled;
    f_.update /= filled;
    Assume(&f_, "a last step as large as those before");
    return Ok();
  }

  Status RmsProp(const Tensor& mean_square, const Tensor* momentum) {
    f_.kind = "RMSprop";
    const double filled = std::sqrt(Filled());
    PTHVIEW_ASSIGN(f_.gradient, RootMean(model_, mean_square));
    f_.gradient /= filled;
    if (momentum != nullptr) {  // it holds steps already
      f_.kind = "RMSprop with momentum";
      PTHVIEW_ASSIGN(f_.update, RootMeanSquare(model_, *momentum));
      return Ok();
    }
    const double eps = Or(options_.eps, 1e-8, "eps", &f_);
    Assume(&f_, "a last gradient as large as those before");
    const Tensor* average = Of("grad_avg");
    if (SameShape(&mean_square, average)) {
      return MeanOfSquares(mean_square, *average, [&](double v, double g) {
        v = std::max(v, 0.0);
        return std::sqrt(v) / filled / (std::sqrt(std::max(v - g * g, 0.0)) + eps);
      });
    }
    return MeanOfSquares(mean_square, mean_square, [&](double v, double) {
      const double root = std::sqrt(std::max(v, 0.0));
      return root / filled / (root + eps);
    });
  }

  Status Adagrad(const Tensor& sum) {
    f_.kind = "Adagrad";
    if (!(options_.step >= 1)) {  // a sum of nobody knows how many
      Assume(&f_, "the number of steps is not recorded");
      return Ok();
    }
    const double start = std::isnan(options_.initial_accumulator_value) ? 0 : options_.initial_accumulator_value;
    const double eps = Or(options_.eps, 1e-10, "eps", &f_);
    PTHVIEW_ASSIGN(Statistics s, ComputeStatistics(model_, sum));
    if (s.finite == 0) return Ok();
    f_.gradient = std::sqrt(std::max(s.mean - start, 0.0) / options_.step);
    if (options_.lr_decay > 0) f_.learning_rate /= 1 + (options_.step - 1) * options_.lr_decay;
    Assume(&f_, "a last gradient as large as those before");
    return MeanOfSquares(sum, sum, [&](double v, double) {
      return std::sqrt(std::max(v - start, 0.0) / options_.step) / (std::sqrt(std::max(v, 0.0)) + eps);
    });
  }

  // Rows' means of the squares; their mean is that of all.
  Status Adafactor(const Tensor& factor) {
    f_.kind = "Adafactor";
    PTHVIEW_ASSIGN(f_.gradient, RootMean(model_, factor));
    return Ok();
  }

  Status Rprop(const Tensor& last, const Tensor& steps) {
    f_.kind = "Rprop";
    PTHVIEW_ASSIGN(f_.gradient, RootMeanSquare(model_, last));
    PTHVIEW_ASSIGN(f_.update, RootMeanSquare(model_, steps));
    f_.learning_rate = 1;  // the steps are its own; lr is only where they began
    return Ok();
  }

  Status Momentum(const Tensor& buffer) {
    PTHVIEW_ASSIGN(f_.gradient, RootMeanSquare(model_, buffer));
    if (!std::isnan(options_.ns_steps)) {
      f_.kind = "Muon";  // its step is the buffer made orthogonal
      return Ok();
    }
    f_.kind = "SGD with momentum";
    f_.update = f_.gradient;
    if (options_.nesterov) Assume(&f_, "the buffer as the step, without Nesterov's look ahead");
    return Ok();
  }

  Status OnlyAverage(const Tensor& average) {
    f_.kind = "running gradient";  // Lion's, and others'
    PTHVIEW_ASSIGN(f_.gradient, RootMeanSquare(model_, average));
    return Ok();
  }

  Status Gradient() {
    f_.kind = "gradient";
    PTHVIEW_ASSIGN(f_.gradient, RootMeanSquare(model_, model_.tensors[state_.tensors[0]]));
    return Ok();
  }

  // f_.update becomes the root mean square of step(a, b).
  template <typename Step>
  Status MeanOfSquares(const Tensor& a, const Tensor& b, Step step) {
    long double squares = 0;
    int64_t count = 0;
    PTHVIEW_TRY(ReadBoth(model_, a, b, [&](double x, double y) {
      const double one = step(x, y);
      squares += static_cast<long double>(one) * one;
      ++count;
    }));
    if (count > 0) f_.update = static_cast<double>(std::sqrt(squares / count));
    return Ok();
  }

  static constexpr Index kNoPart = kNone;
  const Model& model_;
  const StateOfParameter& state_;
  OptimizerOptions options_;
  UpdateFigures f_;
};

}  // namespace

Result<UpdateFigures> ComputeUpdate(const Model& model, const StateOfParameter& state) {
  return Update(model, state).Run();
}

}  // namespace pthview
