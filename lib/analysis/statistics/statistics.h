// The basic statistics of a tensor, in one pass over its values.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// min, max, mean and std are over the finite values (complex: absolute values; quantized: dequantized values); std is
// the population's (divided by n). NaN and infinities are counted apart. `finite` == 0: min, max, mean, std are NaN.
struct Statistics {
  int64_t count = 0;  // of values: the tensor's numel, twice that for pairs (float4_e2m1fn_x2)
  int64_t finite = 0;
  int64_t nans = 0;
  int64_t infinities = 0;
  int64_t zeros = 0;
  double min = 0;
  double max = 0;
  double mean = 0;
  double std = 0;
};

// All cores are used for large tensors; the result does not depend on how many there are. Elements that a stride of 0
// repeats are read once and counted as often as they stand. kLimit: other overlapping strides that make more than 2^28
// elements and more than 16 times what the storage holds. kNotFound: no data in the file. kUnsupported: sparse and
// nested layouts (see their component tensors) and dtypes without numbers. Else the errors of ForEachBlock.
Result<Statistics> ComputeStatistics(const Model& model, const Tensor& tensor);

// Equal bins over [low, high], the last one closed. When all values are equal the range is widened by a half each way.
struct Histogram {
  double low = 0;
  double high = 0;
  std::vector<int64_t> counts;  // non-finite values are left out
};

// `statistics` are the tensor's, from ComputeStatistics; values outside its range go into the end bins. Errors as
// above, and kUsage for `bins` outside 1..4096.
Result<Histogram> ComputeHistogram(const Model& model, const Tensor& tensor, const Statistics& statistics, int bins);

}  // namespace pthview
