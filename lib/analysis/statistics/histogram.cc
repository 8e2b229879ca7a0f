#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/statistics/value_reader.h"

namespace pthview {
namespace {

constexpr int kMaxBins = 4096;

struct Bins {
  double low = 0;
  double scale = 0;  // bins per unit of value, over values that are halved when the range passes the largest double
  double shrink = 1;
  std::vector<int64_t> counts;

  template <typename T>
  void AddValues(std::span<const T> values) {
    auto last = static_cast<double>(counts.size() - 1);
    for (T value : values) {
      if (!std::isfinite(value)) continue;
      double at = (value * shrink - low) * scale;
      ++counts[static_cast<size_t>(std::clamp(at, 0.0, last))];
    }
  }
  void Add(std::span<const float> values) { AddValues(values); }
  void Add(std::span<const double> values) { AddValues(values); }
  void Merge(const Bins& other) {
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  }
};

}  // namespace

Result<Histogram> ComputeHistogram(const Model& model, const Tensor& tensor, const Statistics& statistics, int bins) {
  if (bins < 1 || bins > kMaxBins) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "a histogram has 1 to " + std::to_string(kMaxBins) + " bins, not " + std::to_string(bins)};
  }
  Histogram histogram{.low = statistics.min, .high = statistics.max};
  histogram.counts.assign(static_cast<size_t>(bins), 0);
  if (statistics.finite == 0) return histogram;
  if (histogram.low == histogram.high) {
    histogram.low -= 0.5;
    histogram.high += 0.5;
  }
  PTHVIEW_ASSIGN(ValueReader reader, ValueReader::Open(model, tensor));
  Bins empty{.counts = histogram.counts};
  empty.shrink = std::isfinite(histogram.high - histogram.low) ? 1.0 : 0.5;
  empty.low = histogram.low * empty.shrink;
  double width = histogram.high * empty.shrink - empty.low;
  // Values beyond 2^53 do not move by a half, and the reciprocal of a subnormal width overflows: all in the first bin.
  empty.scale = width > 0 && std::isfinite(bins / width) ? bins / width : 0;
  PTHVIEW_ASSIGN(Bins total, Accumulate(reader, empty));
  for (size_t i = 0; i < total.counts.size(); ++i) histogram.counts[i] = total.counts[i] * reader.repeat();
  return histogram;
}

}  // namespace pthview
