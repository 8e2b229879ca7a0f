// Percentiles of any number of values in bounded memory.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pthview {

// Counts values by sign, exponent and the first eight bits of the mantissa, a page of 256 counters for each exponent
// that occurs: at most 4,096 pages, 8 MB, and a few hundred KB for weights. What it answers is off by at most 1/512 of
// the value. (Of the kind of DDSketch: Masson, Rim, Lee, "DDSketch", VLDB 2019, with the exponent as logarithm.)
class QuantileSketch {
 public:
  static constexpr double kRelativeError = 1.0 / 512;

  // NaN and infinities are left out.
  void Add(std::span<const float> values);
  void Add(std::span<const double> values);
  void Merge(const QuantileSketch& other);
  void AddZeros(int64_t count);
  void Repeat(int64_t times);

  // For each of `shares` (0 to 1, ascending) the value below which that share of the values lies, as
  // numpy.percentile's default interpolates; NaN when there are no values. Within [min, max].
  std::vector<double> Quantiles(std::span<const double> shares, double min, double max) const;

 private:
  using Page = std::array<int64_t, 256>;
  template <typename T>
  void AddAll(std::span<const T> values);
  Page& PageOf(uint64_t key);

  std::array<std::unique_ptr<Page>, 4096> pages_;  // by sign and exponent
};

// The same of values that are all there, exactly; they are reordered.
std::vector<double> ExactQuantiles(std::vector<double>& finite, std::span<const double> shares);

}  // namespace pthview
