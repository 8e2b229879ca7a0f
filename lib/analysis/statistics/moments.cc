#include "lib/analysis/statistics/moments.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace pthview {
namespace {

// The fourth power of a larger deviation may overflow, that of a smaller one vanish: such blocks are summed in long
// double, whose exponents reach to 10^4932.
constexpr double kLarge = 1e70;
constexpr double kSmall = 1e-70;

struct Powers {
  long double shift;
  long double sum1, sum2, sum3, sum4;
};

template <typename T>
Powers PowersInLongDouble(std::span<const T> values) {
  long double sum = 0;
  for (T value : values) sum += static_cast<long double>(value);
  Powers p{.shift = sum / static_cast<long double>(values.size()), .sum1 = 0, .sum2 = 0, .sum3 = 0, .sum4 = 0};
  for (T value : values) {
    long double d = static_cast<long double>(value) - p.shift;
    p.sum1 += d;
    p.sum2 += d * d;
    p.sum3 += d * d * d;
    p.sum4 += d * d * d * d;
  }
  return p;
}

void SetCentral(const Powers& p, int64_t count, Moments* moments) {
  auto n = static_cast<long double>(count);
  long double delta = p.sum1 / n;
  moments->origin = static_cast<double>(p.shift);
  moments->offset = (p.shift - static_cast<long double>(moments->origin)) + delta;
  moments->m2 = std::max(0.0L, p.sum2 - n * delta * delta);
  moments->m3 = p.sum3 - 3 * delta * p.sum2 + 2 * n * delta * delta * delta;
  moments->m4 =
      std::max(0.0L, p.sum4 - 4 * delta * p.sum3 + 6 * delta * delta * p.sum2 - 3 * n * delta * delta * delta * delta);
}

template <typename T>
int64_t PlaceOf(std::span<const T> values, double value) {
  return std::find(values.begin(), values.end(), static_cast<T>(value)) - values.begin();
}

// A mean to count deviations from, when nothing came before. Sums of large doubles overflow; any value will do then.
template <typename T>
double FirstShift(std::span<const T> values) {
  double mean = SumOf(values) / static_cast<double>(values.size());
  return std::isfinite(mean) ? mean : static_cast<double>(values[0]);
}

// The finite values, in `kept`; the others are counted.
template <typename T>
std::span<const T> KeepFinite(std::span<const T> values, std::span<T> kept, Moments* moments) {
  size_t count = 0;
  for (T value : values) {
    if (std::isnan(value)) {
      ++moments->nans;
    } else if (std::isinf(value)) {
      ++moments->infinities;
    } else {
      kept[count++] = value;
    }
  }
  return kept.first(count);
}

// What a block of finite values is alone, but for the places of its extremes.
template <typename T>
Moments OfFinite(std::span<const T> values, double shift, const BlockSums& sums) {
  Moments block{.zeros = sums.zeros,
                .negatives = sums.negatives,
                .finite = static_cast<int64_t>(values.size()),
                .min = sums.min,
                .max = sums.max};
  block.absolute = sums.absolute;
  if (sums.min == sums.max) {
    // Exactly: no rounding of a sum makes a deviation out of nothing.
    block.origin = sums.min;
    block.absolute = std::abs(static_cast<long double>(sums.min)) * static_cast<long double>(values.size());
    return block;
  }
  double widest = std::max(std::abs(sums.min - shift), std::abs(sums.max - shift));
  if (widest < kLarge && widest > kSmall && std::isfinite(sums.absolute)) {
    SetCentral({shift, sums.sum1, sums.sum2, sums.sum3, sums.sum4}, block.finite, &block);
    return block;
  }
  block.absolute = 0;
  for (T value : values) block.absolute += std::abs(static_cast<long double>(value));
  SetCentral(PowersInLongDouble(values), block.finite, &block);
  return block;
}

template <typename T>
Moments::Near AddBlock(Moments& moments, std::span<const T> values, int64_t first, const NearBand& band) {
  if (values.empty()) return {};
  const std::span<const T> all = values;
  std::array<T, Moments::kBlock> kept;
  auto shift = [&] { return moments.finite == 0 ? FirstShift(values) : static_cast<double>(moments.mean()); };
  double about = shift();
  BlockSums sums;
  if (std::isfinite(about)) sums = SumBlock(values, about, band);
  if (!std::isfinite(about) || !sums.finite) {
    values = KeepFinite(values, std::span<T>(kept), &moments);
    if (values.empty()) return {};
    about = shift();
    sums = SumBlock(values, about, band);
  }
  Moments block = OfFinite(values, about, sums);
  if (sums.min < moments.min) block.min_at = first + PlaceOf(all, sums.min);
  if (sums.max > moments.max) block.max_at = first + PlaceOf(all, sums.max);
  moments.Merge(block);
  return {sums.near, sums.candidates};
}

}  // namespace

Moments::Near Moments::Add(std::span<const float> values, int64_t first, const NearBand& band) {
  return AddBlock(*this, values, first, band);
}
Moments::Near Moments::Add(std::span<const double> values, int64_t first, const NearBand& band) {
  return AddBlock(*this, values, first, band);
}

void Moments::Merge(const Moments& other) {
  nans += other.nans;
  infinities += other.infinities;
  zeros += other.zeros;
  negatives += other.negatives;
  if (other.finite == 0) return;
  if (other.min < min) {
    min = other.min;
    min_at = other.min_at;
  }
  if (other.max > max) {
    max = other.max;
    max_at = other.max_at;
  }
  absolute += other.absolute;
  auto a = static_cast<long double>(finite);
  auto b = static_cast<long double>(other.finite);
  long double n = a + b;
  long double delta =
      (static_cast<long double>(other.origin) - static_cast<long double>(origin)) + (other.offset - offset);
  if (finite == 0) {
    origin = other.origin;
    offset = other.offset;
    delta = 0;
  }
  long double step = delta / n;
  m4 += other.m4 + delta * step * step * step * a * b * (a * a - a * b + b * b) +
        6 * step * step * (a * a * other.m2 + b * b * m2) + 4 * step * (a * other.m3 - b * m3);
  m3 += other.m3 + delta * step * step * a * b * (a - b) + 3 * step * (a * other.m2 - b * m2);
  m2 += other.m2 + delta * step * a * b;
  offset += step * b;
  finite += other.finite;
}

void Moments::Repeat(int64_t times) {
  for (int64_t* counted : {&nans, &infinities, &zeros, &negatives, &finite}) *counted *= times;
  for (long double* sum : {&m2, &m3, &m4, &absolute}) *sum *= static_cast<long double>(times);
}

void Moments::AddZeros(int64_t count) {
  if (count <= 0) return;
  Merge({.zeros = count, .finite = count, .min = 0, .max = 0});
}

}  // namespace pthview
