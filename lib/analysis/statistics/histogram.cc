#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <span>
#include <string>

#include "lib/analysis/statistics/kernels.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/analysis/statistics/value_stream.h"
#include "lib/base/threads.h"

namespace pthview {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 22;

// Counters of one thread. Neighbouring values often share a bin: four tables, so that an addition need not wait for the
// one before it.
class Counters {
 public:
  explicit Counters(const BinScale& bins) : bins_(bins), stride_(static_cast<size_t>(bins.last) + 2) {
    tables_.assign(4 * stride_, 0);
  }

  template <typename T>
  void Add(std::span<const T> values) {
    std::array<int32_t, Moments::kBlock> at;
    BinIndices(values, bins_, at.data());
    // Counter 0 is for what is not finite.
    size_t i = 0;
    for (; i + 4 <= values.size(); i += 4) {
      for (size_t t = 0; t < 4; ++t) ++tables_[t * stride_ + static_cast<size_t>(at[i + t] + 1)];
    }
    for (; i < values.size(); ++i) ++tables_[static_cast<size_t>(at[i] + 1)];
  }

  void MergeInto(std::vector<int64_t>& counts) const {
    for (size_t i = 0; i < counts.size(); ++i) {
      for (size_t t = 0; t < 4; ++t) counts[i] += tables_[t * stride_ + i + 1];
    }
  }

 private:
  BinScale bins_;
  size_t stride_;
  std::vector<uint32_t> tables_;  // a piece has fewer than 2^32 values
};

int ChosenBins(const Statistics& s, double low, double high) {
  auto n = static_cast<double>(s.finite);
  double bins = std::ceil(std::log2(std::max(n, 1.0))) + 1;  // Sturges
  if (s.percentiles.size() == kPercentiles.size()) {
    double between_quartiles = s.percentiles[4] - s.percentiles[2];
    double width = 2 * between_quartiles / std::cbrt(n);
    if (width > 0 && std::isfinite((high - low) / width)) bins = std::ceil((high - low) / width);
  }
  return static_cast<int>(std::clamp(bins, 1.0, static_cast<double>(kMostBins)));
}

// The smallest and the largest log10 of a magnitude that is not zero.
Status LogRange(const ValueStream& stream, double* low, double* high) {
  *low = std::numeric_limits<double>::infinity();
  *high = -*low;
  std::mutex mutex;
  auto pieces = static_cast<size_t>(stream.count() / kPieceElements + 1);
  std::vector<Status> statuses(pieces);
  ParallelFor(pieces, [&](size_t p) {
    double smallest = std::numeric_limits<double>::infinity();
    double largest = 0;
    statuses[p] =
        stream.Read(static_cast<int64_t>(p) * kPieceElements, kPieceElements, [&](const ValueBlock& block, int64_t) {
          auto look = [&](auto values) {
            for (auto value : values) {
              double magnitude = std::abs(static_cast<double>(value));
              if (magnitude == 0 || !std::isfinite(magnitude)) continue;
              smallest = std::min(smallest, magnitude);
              largest = std::max(largest, magnitude);
            }
          };
          look(block.floats);
          look(block.doubles);
        });
    std::lock_guard lock(mutex);
    if (largest > 0) {
      *low = std::min(*low, std::log10(smallest));
      *high = std::max(*high, std::log10(largest));
    }
  });
  for (Status& status : statuses) PTHVIEW_TRY(std::move(status));
  return Ok();
}

}  // namespace

Result<Histogram> ComputeHistogram(const Model& model, const Tensor& tensor, const Statistics& statistics,
                                   const HistogramOptions& wanted, const StatisticsOptions& options) {
  if (wanted.bins < 0 || wanted.bins > kMostBins) {
    return Error{
        .code = ErrorCode::kUsage,
        .message = "a histogram has 1 to " + std::to_string(kMostBins) + " bins, not " + std::to_string(wanted.bins)};
  }
  Histogram histogram{.low = statistics.min, .high = statistics.max, .log = wanted.log};
  if (statistics.finite == 0) {
    histogram.counts.assign(static_cast<size_t>(std::max(wanted.bins, 1)), 0);
    return histogram;
  }
  PTHVIEW_ASSIGN(ValueStream stream, ValueStream::Open(model, tensor));
  if (wanted.log) {
    PTHVIEW_TRY(LogRange(stream, &histogram.low, &histogram.high));
    if (histogram.low > histogram.high) histogram.low = histogram.high = 0;  // zeros only
  }
  if (histogram.low == histogram.high) {
    histogram.low -= 0.5;
    histogram.high += 0.5;
  }
  int count = wanted.bins;
  if (count == 0) {
    count = wanted.log ? ChosenBins({.finite = statistics.finite}, histogram.low, histogram.high)
                       : ChosenBins(statistics, histogram.low, histogram.high);
  }
  histogram.counts.assign(static_cast<size_t>(count), 0);
  // The range of doubles may be larger than the largest double.
  BinScale bins{.shrink = std::isfinite(histogram.high - histogram.low) ? 1.0 : 0.5, .last = count - 1};
  bins.low = histogram.low * bins.shrink;
  double width = histogram.high * bins.shrink - bins.low;
  // Values beyond 2^53 do not move by a half, and the reciprocal of a subnormal width overflows: all in the first bin.
  bins.scale = width > 0 && std::isfinite(count / width) ? count / width : 0;
  std::mutex mutex;
  auto pieces = static_cast<size_t>(stream.count() / kPieceElements + 1);
  std::vector<Status> statuses(pieces);
  ParallelFor(pieces, [&](size_t p) {
    Counters counters(bins);
    bool cancelled = false;
    statuses[p] =
        stream.Read(static_cast<int64_t>(p) * kPieceElements, kPieceElements, [&](const ValueBlock& block, int64_t) {
          cancelled = cancelled || (options.cancelled != nullptr && options.cancelled->load(std::memory_order_relaxed));
          if (cancelled) return;
          if (!wanted.log) {
            if (!block.floats.empty()) counters.Add(block.floats);
            if (!block.doubles.empty()) counters.Add(block.doubles);
            return;
          }
          std::array<double, Moments::kBlock> logs;
          auto add = [&](auto values) {
            // The logarithm of 0 is -infinity, which has no bin.
            for (size_t i = 0; i < values.size(); ++i) logs[i] = std::log10(std::abs(static_cast<double>(values[i])));
            counters.Add(std::span<const double>(logs).first(values.size()));
          };
          add(block.floats);
          add(block.doubles);
        });
    if (cancelled) statuses[p] = Error{ErrorCode::kInterrupted, "interrupted"};
    std::lock_guard lock(mutex);
    counters.MergeInto(histogram.counts);
  });
  for (Status& status : statuses) PTHVIEW_TRY(std::move(status));
  if (stream.implicit_zeros() > 0 && !wanted.log) {
    double at = std::clamp((0 - bins.low) * bins.scale, 0.0, static_cast<double>(bins.last));
    histogram.counts[static_cast<size_t>(at)] += stream.implicit_zeros();
  }
  for (int64_t& bin : histogram.counts) bin *= stream.repeat();
  return histogram;
}

}  // namespace pthview
