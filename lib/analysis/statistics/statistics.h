// The figures of a tensor's values: in one pass, on all cores, in bounded memory.
//
//   Result<Statistics> s = ComputeStatistics(model, tensor);
//   std::vector<Result<Statistics>> all = ComputeAllStatistics(model, tensors);   // of many tensors, the fast way
//   Result<std::vector<Statistics>> rows = ComputeChannelStatistics(model, tensor, 0);
//   Statistics file = MergeStatistics(parts);
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "lib/analysis/statistics/moments.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// The percentiles that are computed, as shares.
inline constexpr auto kPercentiles = std::to_array<double>({0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99});

struct StatisticsOptions {
  double near_zero = 1e-3;  // a value is near zero when it is nearer than this times the standard deviation
  bool percentiles = false;
  // Asked between blocks from any thread; the result is then kInterrupted.
  const std::atomic<bool>* cancelled = nullptr;
  // Told of elements' bytes as they are read, from any thread.
  std::function<void(uint64_t bytes)> advance;
};

// All but the counts are over the finite values (complex: absolute values; quantized: dequantized values). What is not
// defined is NaN: everything when there is no finite value, skewness and kurtosis when all are equal.
struct Statistics {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  int64_t count = 0;  // of values: the tensor's numel, twice that for pairs (float4_e2m1fn_x2)
  int64_t finite = 0;
  int64_t nans = 0;
  int64_t infinities = 0;
  int64_t zeros = 0;
  int64_t negatives = 0;
  int64_t near_zeros = 0;  // |value| < near_limit, zeros included; 0 where all values are equal
  double near_limit = kNone;
  double min = kNone;
  double max = kNone;
  int64_t min_at = -1;  // the first place of it, in row-major order; -1: none, or not known (sparse, nested)
  int64_t max_at = -1;
  double mean = kNone;
  double std = kNone;       // of the population (divided by n)
  double skewness = kNone;  // third standardized moment, biased, as scipy.stats.skew
  double kurtosis = kNone;  // excess: fourth standardized moment minus 3, biased, as scipy.stats.kurtosis
  double l1 = kNone;        // sum of absolute values
  double l2 = kNone;        // root of the sum of squares
  double abs_max = kNone;
  std::optional<int64_t> distinct;  // how many different finite values; nullopt: more than 256, or not known
  std::vector<double> values;       // those, ascending, where they are at most 16
  // By kPercentiles; empty unless asked for. Exact up to 65,536 values, else off by at most 1/512 of the value
  // (below 1e-307: by 1e-310).
  std::vector<double> percentiles;

  Moments moments;  // what it was made of: for merging
};

// The result does not depend on the number of cores. Elements that a stride of 0 repeats are read once and counted as
// often as they stand. Sparse and nested tensors are computed with from what they store. kLimit: other overlapping
// strides that make more than 2^28 elements and more than 16 times what the storage holds. kNotFound: no data in the
// file. kUnsupported: dtypes without numbers. Else the errors of ValueStream.
Result<Statistics> ComputeStatistics(const Model& model, const Tensor& tensor, const StatisticsOptions& options = {});

// The same of many tensors: small ones side by side, large ones in pieces, in the order given.
std::vector<Result<Statistics>> ComputeAllStatistics(const Model& model, std::span<const Tensor* const> tensors,
                                                     const StatisticsOptions& options = {});

// One row for each index along `axis` (negative: from the end). Places are within the whole tensor. kUsage when there
// is no such axis, kLimit for more than 2^20 channels.
Result<std::vector<Statistics>> ComputeChannelStatistics(const Model& model, const Tensor& tensor, int64_t axis,
                                                         const StatisticsOptions& options = {});

// What follows from the moments alone: all but near zeros, distinct values and percentiles.
Statistics FromMoments(const Moments& moments);

// The figures of all values together (of a module, a file). near_zeros are the sum, each by its own limit; places,
// distinct values and percentiles are left out.
Statistics MergeStatistics(std::span<const Statistics* const> parts);

// Equal bins, the last one closed; values outside go into the end bins, non-finite ones are left out. With `log` the
// bins are over log10(|value|), and zeros are left out too.
struct Histogram {
  double low = 0;
  double high = 0;
  std::vector<int64_t> counts;
  bool log = false;
};

inline constexpr int kMostBins = 4096;

struct HistogramOptions {
  int bins = 0;  // 0: by Freedman and Diaconis, from `statistics.percentiles`; by Sturges where those say nothing
  bool log = false;
};

// `statistics` are the tensor's, and their range the histogram's (when all values are equal, a half more each way).
// kUsage for `bins` outside 0..kMostBins. Errors as above.
Result<Histogram> ComputeHistogram(const Model& model, const Tensor& tensor, const Statistics& statistics,
                                   const HistogramOptions& histogram, const StatisticsOptions& options = {});

}  // namespace pthview
