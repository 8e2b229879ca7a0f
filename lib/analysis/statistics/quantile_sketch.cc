#include "lib/analysis/statistics/quantile_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace pthview {
namespace {

// sign | exponent, 11 | mantissa, first 8
constexpr int kDropped = 52 - 8;

// The value in the middle of those that share a key.
double ValueOf(uint64_t key) {
  double low = std::bit_cast<double>(key << kDropped);
  if (low == 0) return 0;
  double high = std::bit_cast<double>((key + 1) << kDropped);
  return std::isfinite(high) ? low + (high - low) / 2 : low;
}

// Position of a share in `count` sorted values, and how numpy interpolates between two of them.
double PositionOf(double share, int64_t count) { return share * static_cast<double>(count - 1); }

double Between(double low, double high, double position) {
  double fraction = position - std::floor(position);
  return fraction == 0 || low == high ? low : low + (high - low) * fraction;
}

}  // namespace

QuantileSketch::Page& QuantileSketch::PageOf(uint64_t key) {
  std::unique_ptr<Page>& page = pages_[key >> 8];
  if (!page) page = std::make_unique<Page>();
  return *page;
}

template <typename T>
void QuantileSketch::AddAll(std::span<const T> values) {
  for (T value : values) {
    auto wide = static_cast<double>(value);
    if (!std::isfinite(wide)) continue;
    uint64_t key = std::bit_cast<uint64_t>(wide) >> kDropped;
    ++PageOf(key)[key & 255];
  }
}

void QuantileSketch::Add(std::span<const float> values) { AddAll(values); }
void QuantileSketch::Add(std::span<const double> values) { AddAll(values); }

void QuantileSketch::Merge(const QuantileSketch& other) {
  for (size_t p = 0; p < pages_.size(); ++p) {
    if (!other.pages_[p]) continue;
    Page& page = PageOf(p << 8);
    for (size_t i = 0; i < page.size(); ++i) page[i] += (*other.pages_[p])[i];
  }
}

void QuantileSketch::AddZeros(int64_t count) { PageOf(0)[0] += count; }

void QuantileSketch::Repeat(int64_t times) {
  for (auto& page : pages_) {
    if (!page) continue;
    for (int64_t& count : *page) count *= times;
  }
}

std::vector<double> QuantileSketch::Quantiles(std::span<const double> shares, double min, double max) const {
  struct Run {
    double value;
    int64_t count;
  };
  std::vector<Run> runs;  // ascending
  auto add = [&](size_t p, size_t i) {
    if (int64_t count = (*pages_[p])[i]; count > 0) runs.push_back({ValueOf(p << 8 | i), count});
  };
  for (size_t p = pages_.size(); p-- > pages_.size() / 2;) {  // negative: large magnitudes first
    for (size_t i = 256; i-- > 0 && pages_[p];) add(p, i);
  }
  for (size_t p = 0; p < pages_.size() / 2; ++p) {
    for (size_t i = 0; i < 256 && pages_[p]; ++i) add(p, i);
  }
  int64_t total = 0;
  for (const Run& run : runs) total += run.count;
  std::vector<double> out;
  size_t at = 0;
  int64_t before = 0;  // values in the runs before `at`
  for (double share : shares) {
    if (total == 0) {
      out.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    double position = PositionOf(share, total);
    auto rank = static_cast<int64_t>(position);
    while (at + 1 < runs.size() && rank >= before + runs[at].count) before += runs[at++].count;
    double low = runs[at].value;
    double high = rank + 1 >= before + runs[at].count && at + 1 < runs.size() ? runs[at + 1].value : low;
    out.push_back(std::clamp(Between(low, high, position), min, max));
  }
  return out;
}

std::vector<double> ExactQuantiles(std::vector<double>& finite, std::span<const double> shares) {
  std::vector<double> out;
  if (finite.empty()) return std::vector<double>(shares.size(), std::numeric_limits<double>::quiet_NaN());
  std::ranges::sort(finite);
  for (double share : shares) {
    double position = PositionOf(share, static_cast<int64_t>(finite.size()));
    auto rank = static_cast<size_t>(position);
    out.push_back(Between(finite[rank], finite[std::min(rank + 1, finite.size() - 1)], position));
  }
  return out;
}

}  // namespace pthview
