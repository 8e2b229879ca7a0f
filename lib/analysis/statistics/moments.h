// Moments: count, extremes, mean and variance of a stream of values, mergeable, with NaN and infinities kept apart.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace pthview {

// Values come in blocks. Each block's mean and squared deviations are taken in double over two passes while it is in
// the first-level cache, and blocks are merged pairwise-stably (Chan, Golub, LeVeque: "Updating formulae and a pairwise
// algorithm for computing sample variances"). The running values are long double, so that doubles near the end of their
// range do not overflow when squared.
struct Moments {
  static constexpr size_t kBlock = 4096;

  int64_t nans = 0;
  int64_t infinities = 0;
  int64_t zeros = 0;
  int64_t finite = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  long double mean = 0;
  long double squares = 0;  // sum of squared deviations from the mean

  void Add(std::span<const float> values);
  void Add(std::span<const double> values);
  void Merge(const Moments& other);
};

}  // namespace pthview
