#include "lib/analysis/statistics/distinct_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace pthview {
namespace {

constexpr size_t kSlots = 4 * DistinctValues::kMost;

size_t SlotOf(double value) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // Fibonacci hashing: 2^64 divided by the golden ratio
  return static_cast<size_t>((std::bit_cast<uint64_t>(value) * kOdd) >> 54) % kSlots;
}

}  // namespace

void DistinctValues::Insert(double value) {
  if (slots_.empty()) slots_.assign(kSlots, 0);
  size_t slot = SlotOf(value);
  for (; slots_[slot] != 0; slot = (slot + 1) % kSlots) {
    if (values_[slots_[slot] - 1U] == value) return;
  }
  if (values_.size() == kMost) {
    many_ = true;
    values_ = {};
    slots_ = {};
    return;
  }
  values_.push_back(value);
  slots_[slot] = static_cast<uint16_t>(values_.size());
}

template <typename T>
void DistinctValues::AddAll(std::span<const T> values) {
  T last = std::numeric_limits<T>::quiet_NaN();
  for (T value : values) {
    if (many_) return;
    if (value == last || !std::isfinite(value)) continue;
    last = value;
    Insert(static_cast<double>(value) + 0.0);  // -0 + 0 is 0
  }
}

void DistinctValues::Add(std::span<const float> values) { AddAll(values); }
void DistinctValues::Add(std::span<const double> values) { AddAll(values); }

void DistinctValues::Merge(const DistinctValues& other) {
  if (other.many_) {
    *this = {};
    many_ = true;
    return;
  }
  Add(other.values_);
}

std::vector<double> DistinctValues::Sorted() const {
  std::vector<double> sorted = values_;
  std::ranges::sort(sorted);
  return sorted;
}

}  // namespace pthview
