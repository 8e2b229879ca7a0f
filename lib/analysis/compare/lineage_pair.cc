#include "lib/analysis/compare/lineage_pair.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/threads.h"

namespace pthview {
namespace {

struct SampleSums {
  double difference = 0, aa = 0, bb = 0, ab = 0, scale = 0;
};

template <typename Number>
SampleSums SumSamples(std::span<const double> a, std::span<const double> b) {
  Number difference = 0, aa = 0, bb = 0, ab = 0;
  double scale = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    auto x = static_cast<Number>(a[k]);
    auto y = static_cast<Number>(b[k]);
    difference += (x - y) * (x - y);
    aa += x * x;
    bb += y * y;
    ab += x * y;
    scale = std::max(scale, std::abs(a[k]));
  }
  return {static_cast<double>(difference), static_cast<double>(aa), static_cast<double>(bb), static_cast<double>(ab),
          scale};
}

SampleSums SumsOf(std::span<const double> a, std::span<const double> b) {
  SampleSums sums = SumSamples<double>(a, b);
  // Squares of doubles overflow beyond 1e154; the ratios are asked for, which a common factor leaves as they are.
  if (std::isfinite(sums.difference + sums.aa + sums.bb) && sums.aa + sums.bb > 1e-280) return sums;
  double largest = 0;
  for (double x : a) largest = std::max(largest, std::abs(x));
  for (double y : b) largest = std::max(largest, std::abs(y));
  if (largest == 0) return sums;
  std::vector<double> small_a(a.begin(), a.end());
  std::vector<double> small_b(b.begin(), b.end());
  for (double& x : small_a) x /= largest;
  for (double& y : small_b) y /= largest;
  sums = SumSamples<double>(small_a, small_b);
  sums.scale *= largest;
  sums.ab *= largest * largest;  // infinite where that is what it is
  return sums;
}

// The other file's tensor of that name and shape; nullptr without one.
const TensorSignature* Counterpart(const Model& model_a, const TensorSignature& x, const Model& model_b,
                                   const FileSignature& b, const std::string& name) {
  auto found = b.tensors.find(name);
  if (found == b.tensors.end()) return nullptr;
  bool one_shape = std::ranges::equal(model_a.tensors[x.tensor].shape, model_b.tensors[found->second.tensor].shape);
  return one_shape ? &found->second : nullptr;
}

bool Same(const Model& model_a, const TensorSignature& x, const Model& model_b, const TensorSignature& y) {
  return !x.hash.empty() && x.hash == y.hash && model_a.tensors[x.tensor].dtype == model_b.tensors[y.tensor].dtype;
}

}  // namespace

PairFacts ComparePair(const Model& model_a, const FileSignature& a, const Model& model_b, const FileSignature& b) {
  PairFacts facts;
  double squares = 0;
  double elements = 0;
  for (const auto& [name, x] : a.tensors) {
    const TensorSignature* y = Counterpart(model_a, x, model_b, b, name);
    if (y == nullptr) {
      ++(b.tensors.contains(name) ? facts.reshaped : facts.alone);
      continue;
    }
    const Tensor& tensor = model_a.tensors[x.tensor];
    ++facts.common;
    if (Same(model_a, x, model_b, *y)) {
      ++facts.same;
      facts.same_weights += tensor.shape.size() >= 2;
    }
    const size_t samples = std::min(x.samples.size(), y->samples.size());
    const std::span<const double> left(x.samples.data(), samples);
    const std::span<const double> right(y->samples.data(), samples);
    const SampleSums sums = SumsOf(left, right);
    facts.product += x.weight * sums.ab;
    // Each tensor beside its own norm, or the largest would speak for all. Buffers follow the data, not the training.
    if (tensor.kind != TensorKind::kBuffer) {
      const double numel = x.weight * static_cast<double>(x.samples.size());
      const double larger = std::max(sums.aa, sums.bb);
      if (larger > 0) squares += numel * sums.difference / larger;
      elements += numel;
    }
    for (size_t k = 0; k < samples; ++k) {
      double size = std::max(std::abs(left[k]), std::abs(right[k]));
      double apart = std::abs(left[k] - right[k]);
      if (size > 1e-3 * sums.scale && apart > facts.largest * size) facts.largest = apart / size;
    }
  }
  for (const auto& [name, y] : b.tensors) facts.alone += !a.tensors.contains(name);
  if (elements > 0) facts.distance = std::sqrt(squares / elements);
  // A name or two that happen to be the same make no relatives.
  if (facts.common * 2 < std::min(a.tensors.size(), b.tensors.size())) {
    facts.distance = std::numeric_limits<double>::infinity();
  }
  return facts;
}

std::vector<std::string> ChangedNames(const Model& model_a, const FileSignature& a, const Model& model_b,
                                      const FileSignature& b) {
  std::vector<std::string> names;
  for (const auto& [name, x] : a.tensors) {
    const TensorSignature* y = Counterpart(model_a, x, model_b, b, name);
    if (y != nullptr && !Same(model_a, x, model_b, *y)) names.push_back(name);
  }
  return names;
}

std::vector<PairFacts> CompareAll(std::span<const Model* const> models, std::span<const FileSignature> signatures) {
  const size_t n = models.size();
  std::vector<PairFacts> pairs(n * n);
  std::vector<std::pair<size_t, size_t>> todo;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i; j < n; ++j) todo.emplace_back(i, j);
  }
  ParallelFor(todo.size(), [&](size_t k) {
    const auto [i, j] = todo[k];
    PairFacts facts = ComparePair(*models[i], signatures[i], *models[j], signatures[j]);
    pairs[j * n + i] = facts;
    pairs[i * n + j] = std::move(facts);
  });
  return pairs;
}

}  // namespace pthview
