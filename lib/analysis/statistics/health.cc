#include "lib/analysis/statistics/health.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace pthview {
namespace {

std::string_view LastStep(std::string_view name) { return name.substr(name.rfind('.') + 1); }

bool IsFloat(const Tensor& tensor) { return Info(tensor.dtype).kind == DTypeClass::kFloat; }

bool IsWeight(const Tensor& tensor) {
  return tensor.kind == TensorKind::kParameter && IsFloat(tensor) && tensor.shape.size() >= 2 && tensor.numel > 0;
}

// What each element of the first dimension is summed over.
double FanIn(const Tensor& tensor) { return static_cast<double>(tensor.numel) / static_cast<double>(tensor.shape[0]); }

bool IsEmbedding(const Tensor& tensor) {
  return tensor.name.find("emb") != std::string_view::npos || tensor.name.find("wte") != std::string_view::npos ||
         tensor.name.find("wpe") != std::string_view::npos || tensor.name.find("pos") != std::string_view::npos;
}

class Judge {
 public:
  Judge(const Model& model, std::vector<HealthWarning>* out) : model_(model), out_(out) {}

  void One(const HealthSubject& subject) {
    if (subject.statistics == nullptr) return;
    const Tensor& tensor = model_.tensors[subject.tensor];
    if (tensor.part < model_.parts.size()) {
      PartKind kind = model_.parts[tensor.part].kind;
      if (kind == PartKind::kScheduler) return;
    }
    tensor_ = subject.tensor;
    NotFinite(*subject.statistics);
    if (subject.statistics->finite == 0) return;
    if (tensor.kind == TensorKind::kState) return;
    Normalization(tensor, *subject.statistics);
    if (IsWeight(tensor)) {
      Scale(tensor, *subject.statistics);
      Untouched(tensor, *subject.statistics);
      if (!subject.rows.empty()) Units(tensor, subject.rows);
      if (subject.spectrum != nullptr) Rank(*subject.spectrum);
    }
    if (subject.update != nullptr) Update(*subject.update);
  }

  void Frozen(std::span<const HealthSubject> subjects) {
    size_t frozen = 0;
    size_t trained = 0;
    Index first = kNone;
    for (const HealthSubject& subject : subjects) {
      const Tensor& tensor = model_.tensors[subject.tensor];
      if (tensor.kind != TensorKind::kParameter || !tensor.requires_grad || !IsFloat(tensor)) continue;
      if (*tensor.requires_grad) {
        ++trained;
      } else {
        if (first == kNone) first = subject.tensor;
        ++frozen;
      }
    }
    if (frozen == 0 || trained == 0) return;
    tensor_ = first;
    Say("frozen", fmt::format("requires_grad is False for {} of {} parameters, from here on", frozen, frozen + trained),
        "they were not trained: right for a partial fine-tune, wrong where training was meant");
  }

  // Of weights that are matrices or filters: the root mean square of each beside the others'.
  void Outliers(std::span<const HealthSubject> subjects) {
    std::vector<std::pair<Index, double>> scales;
    for (const HealthSubject& subject : subjects) {
      const Tensor& tensor = model_.tensors[subject.tensor];
      if (subject.statistics == nullptr || !IsWeight(tensor) || IsEmbedding(tensor)) continue;
      const Statistics& s = *subject.statistics;
      if (s.finite == 0 || !(s.l2 > 0)) continue;
      // Times the root of the inputs: what one output varies by when the inputs vary by 1.
      scales.emplace_back(subject.tensor,
                          std::log(s.l2 / std::sqrt(static_cast<double>(s.finite)) * std::sqrt(FanIn(tensor))));
    }
    if (scales.size() < 8) return;
    auto median = [](std::vector<double> values) {
      std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
      return values[values.size() / 2];
    };
    std::vector<double> values;
    for (const auto& [tensor, scale] : scales) values.push_back(scale);
    const double middle = median(values);
    for (double& value : values) value = std::abs(value - middle);
    const double spread = std::max(1.4826 * median(values), 0.1);
    for (const auto& [tensor, scale] : scales) {
      if (std::abs(scale - middle) < 6 * spread || std::abs(scale - middle) < std::log(5.0)) continue;
      tensor_ = tensor;
      Say("norm-outlier",
          fmt::format("its scale is {:.3g} times the median of the file's {} weights", std::exp(scale - middle),
                      scales.size()),
          scale > middle ? "it may have grown without bound, or be scaled by something that is not in the file"
                         : "it may have shrunk away, or be meant to be small");
    }
  }

 private:
  void Say(std::string_view code, std::string why, std::string_view meaning) {
    out_->push_back({code, tensor_, std::move(why), std::string(meaning)});
  }

  void NotFinite(const Statistics& s) {
    if (s.nans > 0) {
      Say("nan", fmt::format("{} of {} values are NaN", s.nans, s.count),
          "training diverged, or a division or logarithm went wrong; whatever it is used in becomes NaN");
    }
    if (s.infinities > 0) {
      Say("infinite", fmt::format("{} of {} values are infinite", s.infinities, s.count),
          "values grew past what the type holds; float16 ends at 65,504");
    }
  }

  void Normalization(const Tensor& tensor, const Statistics& s) {
    std::string_view last = LastStep(tensor.name);
    if (last == "running_var") {
      if (s.min < 0) {
        Say("negative-variance", fmt::format("a running variance is {:.3g}", s.min), "a variance cannot be negative");
      } else if (s.min < 1e-8) {
        Say("tiny-variance", fmt::format("the smallest running variance is {:.3g} (at {})", s.min, s.min_at),
            "the channel before it hardly ever changes: it is dead, and its noise is amplified");
      } else if (s.min == 1 && s.max == 1 && s.count > 1) {
        Say("untouched", "all running variances are 1, as they begin",
            "the model never ran in training mode, or the statistics were reset");
      }
    }
  }

  void Scale(const Tensor& tensor, const Statistics& s) {
    if (s.std == 0 && s.count > 1) {
      Say("constant", fmt::format("all {} values are {:.6g}", s.finite, s.mean),
          s.mean == 0 ? "never trained, or meant to begin at zero (a LoRA's B, the last layer of a residual block)"
                      : "all of its rows do the same");
      return;
    }
    if (IsEmbedding(tensor) || s.count < 16) return;
    const double expected = 1 / std::sqrt(FanIn(tensor));
    const double ratio = s.l2 / std::sqrt(static_cast<double>(s.finite)) / expected;
    if (ratio > 30) {
      Say("exploding",
          fmt::format("root mean square {:.3g} times 1 / sqrt(fan-in), which initialisations are near", ratio),
          "outputs are that much larger than inputs, unless a normalisation follows");
    } else if (ratio < 0.01) {
      Say("vanishing",
          fmt::format("root mean square {:.3g} times 1 / sqrt(fan-in), which initialisations are near", ratio),
          "outputs nearly vanish, unless a normalisation follows: decayed away, or scaled elsewhere");
    }
    if (s.abs_max > 100 * s.std && s.count > 1000) {
      Say("outlier-values", fmt::format("the largest magnitude is {:.3g} standard deviations", s.abs_max / s.std),
          "few values carry the scale: rounding to few bits by one scale loses the others");
    }
  }

  // torch.nn.Linear and Conv: uniform in +-1 / sqrt(fan-in) (kaiming_uniform_ with a = sqrt(5)).
  void Untouched(const Tensor& tensor, const Statistics& s) {
    if (s.count < 256) return;
    const double bound = 1 / std::sqrt(FanIn(tensor));
    const double sharp = 10 / std::sqrt(static_cast<double>(s.finite));  // how far chance moves the figures
    bool uniform = std::abs(s.kurtosis + 1.2) < std::max(0.02, sharp) && std::abs(s.skewness) < std::max(0.05, sharp);
    bool fits = s.abs_max <= bound * (1 + 1e-5) && s.abs_max > bound * (1 - sharp);
    bool spread = std::abs(s.std * std::sqrt(3.0) / bound - 1) < std::max(0.02, sharp / 2);
    if (uniform && fits && spread) {
      Say("untouched", fmt::format("uniform between -{0:.4g} and {0:.4g}, as PyTorch initialises this shape", bound),
          "hardly trained, or not at all");
    }
  }

  void Units(const Tensor& tensor, std::span<const Statistics> rows) {
    std::vector<double> norms;
    for (const Statistics& row : rows) norms.push_back(row.l2);
    std::vector<double> sorted;
    std::ranges::copy_if(norms, std::back_inserter(sorted), [](double norm) { return !std::isnan(norm); });
    if (sorted.size() < 2) return;
    std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2));
    const double median = sorted[sorted.size() / 2];
    size_t dead = 0;
    size_t first = 0;
    for (size_t i = 0; i < norms.size(); ++i) {
      if (!(norms[i] <= 1e-3 * median) || median == 0) continue;
      if (dead++ == 0) first = i;
    }
    if (dead > 0) {
      Say("dead-units",
          fmt::format("{} of {} rows are (nearly) zero beside the others, the first is {}", dead, rows.size(), first),
          IsEmbedding(tensor) ? "entries that were never used or are padding"
                              : "these units give the same whatever comes in: pruned, or dead");
    }
    // Rows that are the same have the same figures; that different ones do is next to impossible.
    std::map<std::pair<double, double>, std::pair<size_t, size_t>> seen;  // figures: the first, how many
    size_t twice = 0;
    size_t original = 0;
    size_t copy = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const Statistics& row = rows[i];
      if (row.count < 4 || !(row.std > 0) || norms[i] <= 1e-3 * median) continue;
      auto [at, added] = seen.try_emplace({row.mean, row.l2}, std::pair(i, size_t{1}));
      if (added || rows[at->second.first].l1 != row.l1 || rows[at->second.first].skewness != row.skewness) continue;
      if (twice++ == 0) {
        original = at->second.first;
        copy = i;
      }
    }
    if (twice > 0) {
      Say("duplicated",
          fmt::format("{} of {} rows repeat another: {} is the same as {}", twice, rows.size(), copy, original),
          "filters that do the same: initialised alike and never told apart, or copied to grow the layer");
    }
  }

  void Rank(const Spectrum& spectrum) {
    const int64_t full = std::min(spectrum.rows, spectrum.columns);
    if (full >= 8 && spectrum.stable_rank < 0.02 * static_cast<double>(full) && spectrum.stable_rank < 2) {
      Say("collapsed-rank", fmt::format("stable rank {:.3g} of at most {}", spectrum.stable_rank, full),
          "nearly all it does is along one direction");
    } else if (full >= 8 && spectrum.rank < full / 2) {
      Say("collapsed-rank", fmt::format("rank {} of at most {}", spectrum.rank, full),
          "a product of smaller matrices, pruned, or collapsed");
    }
    if (!std::isnan(spectrum.alpha) && full >= 50 && (spectrum.alpha > 8 || spectrum.alpha < 1.5)) {
      Say("tail-exponent",
          fmt::format("the power law's exponent is {:.3g}; 2 to 6 are usual for trained layers", spectrum.alpha),
          spectrum.alpha > 8 ? "its spectrum is that of noise: hardly trained"
                             : "few directions dominate: overfitted, or collapsed");
    }
  }

  void Update(const UpdateFigures& update) {
    if (std::isnan(update.gradient)) return;
    if (update.gradient == 0) {
      Say("no-gradient", fmt::format("the optimizer's state ({}) is all zeros", update.kind),
          "no gradient reached it: not used in the loss, or behind a detach");
    } else if (update.gradient < 1e-10) {
      Say("vanishing-gradient", fmt::format("gradients are about {:.3g}", update.gradient), "it hardly learns");
    } else if (update.gradient > 1e3) {
      Say("exploding-gradient", fmt::format("gradients are about {:.3g}", update.gradient),
          "steps are ruled by a few batches; clipping or a smaller learning rate may help");
    }
    if (update.ratio > 0.1) {
      Say("large-update", fmt::format("the last step was {:.3g} of the weight", update.ratio),
          "1e-3 is usual: the learning rate may be too large for it");
    }
  }

  const Model& model_;
  std::vector<HealthWarning>* out_;
  Index tensor_ = kNone;
};

}  // namespace

std::vector<HealthWarning> JudgeHealth(const Model& model, std::span<const HealthSubject> subjects) {
  std::vector<HealthWarning> warnings;
  Judge judge(model, &warnings);
  for (const HealthSubject& subject : subjects) judge.One(subject);
  judge.Frozen(subjects);
  judge.Outliers(subjects);
  return warnings;
}

}  // namespace pthview
