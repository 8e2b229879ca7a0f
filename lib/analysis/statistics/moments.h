// Moments of a stream of values: count, extremes and where they stand, mean and central moments up to the fourth.
// Mergeable, with NaN and infinities kept apart.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "lib/analysis/statistics/kernels.h"

namespace pthview {

// Values come in blocks. A block's powers are summed in double about the mean of what came before it, and blocks are
// merged with the formulas of Chan, Golub and LeVeque, extended to higher moments by Pébay ("Formulas for robust,
// one-pass parallel computation of covariances and arbitrary-order statistical moments", SAND2008-6212). The running
// values are long double, so that the fourth powers of doubles neither overflow nor vanish.
struct Moments {
  static constexpr size_t kBlock = 4096;

  int64_t nans = 0;
  int64_t infinities = 0;
  int64_t zeros = 0;
  int64_t negatives = 0;
  int64_t finite = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  int64_t min_at = -1;  // index of the first smallest value; -1: none, or not known
  int64_t max_at = -1;
  // The mean is origin + offset: beside a large mean, small differences of means keep their digits.
  double origin = 0;
  long double offset = 0;
  long double m2 = 0;  // sums of powers of the deviations from the mean
  long double m3 = 0;
  long double m4 = 0;
  long double absolute = 0;  // sum of absolute values

  long double mean() const { return static_cast<long double>(origin) + offset; }

  // At most kBlock values; the first has index `first`. Returns how many lie below band.sure, and how many candidates
  // were written (see NearBand).
  struct Near {
    int64_t sure = 0;
    size_t candidates = 0;
  };
  Near Add(std::span<const float> values, int64_t first, const NearBand& band = {});
  Near Add(std::span<const double> values, int64_t first, const NearBand& band = {});

  // `other` comes behind: of equal extremes the earlier place stays.
  void Merge(const Moments& other);
  // As if every value stood there `times` times; places stay.
  void Repeat(int64_t times);
  // `count` zeros more, at places that are not known.
  void AddZeros(int64_t count);
};

}  // namespace pthview
