#include "lib/analysis/statistics/statistics.h"

#include <cmath>
#include <limits>

#include "lib/analysis/statistics/moments.h"
#include "lib/analysis/statistics/value_reader.h"

namespace pthview {

Result<Statistics> ComputeStatistics(const Model& model, const Tensor& tensor) {
  PTHVIEW_ASSIGN(ValueReader reader, ValueReader::Open(model, tensor));
  PTHVIEW_ASSIGN(Moments moments, Accumulate(reader, Moments{}));
  int64_t repeat = reader.repeat();
  Statistics statistics{.count = (moments.finite + moments.nans + moments.infinities) * repeat,
                        .finite = moments.finite * repeat,
                        .nans = moments.nans * repeat,
                        .infinities = moments.infinities * repeat,
                        .zeros = moments.zeros * repeat};
  if (moments.finite == 0) {
    double nan = std::numeric_limits<double>::quiet_NaN();
    statistics.min = statistics.max = statistics.mean = statistics.std = nan;
    return statistics;
  }
  statistics.min = moments.min;
  statistics.max = moments.max;
  statistics.mean = static_cast<double>(moments.mean);
  statistics.std = static_cast<double>(std::sqrt(moments.squares / static_cast<long double>(moments.finite)));
  return statistics;
}

}  // namespace pthview
