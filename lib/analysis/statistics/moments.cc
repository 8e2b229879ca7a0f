#include "lib/analysis/statistics/moments.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include <emmintrin.h>

namespace pthview {
namespace {

// Squares of larger doubles may overflow; such blocks are summed in long double.
constexpr double kLarge = 1e150;

// What one pass over a block tells. Only `finite` holds when it is false.
struct BlockFacts {
  double sum = 0;
  double min = 0;
  double max = 0;
  int64_t zeros = 0;
  bool finite = true;
};

double Sum(__m128d v) {
  alignas(16) std::array<double, 2> lanes;
  _mm_store_pd(lanes.data(), v);
  return lanes[0] + lanes[1];
}

// Lanes<T> is how a block of T is read in vectors: SSE2 is part of every x86-64.
template <typename T>
struct Lanes;

template <>
struct Lanes<float> {
  using Vector = __m128;
  static constexpr size_t kWidth = 4;
  static Vector Load(const float* at) { return _mm_loadu_ps(at); }
  static Vector Min(Vector a, Vector b) { return _mm_min_ps(a, b); }
  static Vector Max(Vector a, Vector b) { return _mm_max_ps(a, b); }
  static int ZeroMask(Vector v) { return _mm_movemask_ps(_mm_cmpeq_ps(v, _mm_setzero_ps())); }
  // x - x is 0 for finite x and NaN otherwise, and NaN sticks to a sum.
  static Vector AddPoison(Vector poison, Vector v) { return _mm_add_ps(poison, _mm_sub_ps(v, v)); }
  static __m128d Low(Vector v) { return _mm_cvtps_pd(v); }
  static __m128d High(Vector v) { return _mm_cvtps_pd(_mm_movehl_ps(v, v)); }
  static void Store(Vector v, float* to) { _mm_storeu_ps(to, v); }
};

template <>
struct Lanes<double> {
  struct Vector {
    __m128d low;
    __m128d high;
  };
  static constexpr size_t kWidth = 4;
  static Vector Load(const double* at) { return {_mm_loadu_pd(at), _mm_loadu_pd(at + 2)}; }
  static Vector Min(Vector a, Vector b) { return {_mm_min_pd(a.low, b.low), _mm_min_pd(a.high, b.high)}; }
  static Vector Max(Vector a, Vector b) { return {_mm_max_pd(a.low, b.low), _mm_max_pd(a.high, b.high)}; }
  static int ZeroMask(Vector v) {
    __m128d zero = _mm_setzero_pd();
    return _mm_movemask_pd(_mm_cmpeq_pd(v.low, zero)) | _mm_movemask_pd(_mm_cmpeq_pd(v.high, zero)) << 2;
  }
  static Vector AddPoison(Vector poison, Vector v) {
    return {_mm_add_pd(poison.low, _mm_sub_pd(v.low, v.low)), _mm_add_pd(poison.high, _mm_sub_pd(v.high, v.high))};
  }
  static __m128d Low(Vector v) { return v.low; }
  static __m128d High(Vector v) { return v.high; }
  static void Store(Vector v, double* to) {
    _mm_storeu_pd(to, v.low);
    _mm_storeu_pd(to + 2, v.high);
  }
};

template <typename T>
BlockFacts Scan(std::span<const T> block) {
  using L = Lanes<T>;
  BlockFacts facts{.min = block[0], .max = block[0]};
  size_t whole = block.size() / L::kWidth * L::kWidth;
  if (whole > 0) {
    typename L::Vector low = L::Load(block.data());
    typename L::Vector high = low;
    typename L::Vector poison = L::Load(std::array<T, 4>{}.data());
    __m128d sum0 = _mm_setzero_pd();
    __m128d sum1 = _mm_setzero_pd();
    for (size_t i = 0; i < whole; i += L::kWidth) {
      typename L::Vector v = L::Load(block.data() + i);
      low = L::Min(low, v);
      high = L::Max(high, v);
      poison = L::AddPoison(poison, v);
      if (int zeros = L::ZeroMask(v); zeros != 0) [[unlikely]] {
        facts.zeros += std::popcount(static_cast<unsigned>(zeros));
      }
      sum0 = _mm_add_pd(sum0, L::Low(v));
      sum1 = _mm_add_pd(sum1, L::High(v));
    }
    std::array<T, 4> lows;
    std::array<T, 4> highs;
    std::array<T, 4> poisons;
    L::Store(low, lows.data());
    L::Store(high, highs.data());
    L::Store(poison, poisons.data());
    for (size_t lane = 0; lane < L::kWidth; ++lane) {
      facts.min = std::min<double>(facts.min, lows[lane]);
      facts.max = std::max<double>(facts.max, highs[lane]);
      if (poisons[lane] != 0) facts.finite = false;
    }
    facts.sum = Sum(_mm_add_pd(sum0, sum1));
  }
  for (T v : block.subspan(whole)) {
    if (!std::isfinite(v)) facts.finite = false;
    facts.min = std::min<double>(facts.min, v);
    facts.max = std::max<double>(facts.max, v);
    facts.zeros += v == 0;
    facts.sum += v;
  }
  return facts;
}

template <typename T>
double SquaredDeviations(std::span<const T> block, double mean) {
  using L = Lanes<T>;
  size_t whole = block.size() / L::kWidth * L::kWidth;
  __m128d center = _mm_set1_pd(mean);
  __m128d sum0 = _mm_setzero_pd();
  __m128d sum1 = _mm_setzero_pd();
  for (size_t i = 0; i < whole; i += L::kWidth) {
    typename L::Vector v = L::Load(block.data() + i);
    __m128d low = _mm_sub_pd(L::Low(v), center);
    __m128d high = _mm_sub_pd(L::High(v), center);
    sum0 = _mm_add_pd(sum0, _mm_mul_pd(low, low));
    sum1 = _mm_add_pd(sum1, _mm_mul_pd(high, high));
  }
  double sum = Sum(_mm_add_pd(sum0, sum1));
  for (T v : block.subspan(whole)) sum += (v - mean) * (v - mean);
  return sum;
}

Moments FromFinite(std::span<const double> block, const BlockFacts& facts, bool large) {
  Moments moments{
      .zeros = facts.zeros, .finite = static_cast<int64_t>(block.size()), .min = facts.min, .max = facts.max};
  if (!large) {
    double mean = facts.sum / static_cast<double>(block.size());
    moments.mean = mean;
    moments.squares = SquaredDeviations(block, mean);
    return moments;
  }
  long double sum = 0;
  for (double v : block) sum += v;
  moments.mean = sum / static_cast<long double>(block.size());
  for (double v : block) moments.squares += (v - moments.mean) * (v - moments.mean);
  return moments;
}

Moments FromFinite(std::span<const float> block, const BlockFacts& facts, bool /*large*/) {
  double mean = facts.sum / static_cast<double>(block.size());
  return {.zeros = facts.zeros,
          .finite = static_cast<int64_t>(block.size()),
          .min = facts.min,
          .max = facts.max,
          .mean = mean,
          .squares = SquaredDeviations(block, mean)};
}

template <typename T>
void AddBlock(Moments& moments, std::span<const T> block) {
  BlockFacts facts = Scan(block);
  std::array<T, Moments::kBlock> kept;
  if (!facts.finite) {
    size_t count = 0;
    for (T v : block) {
      if (std::isnan(v)) {
        ++moments.nans;
      } else if (std::isinf(v)) {
        ++moments.infinities;
      } else {
        kept[count++] = v;
      }
    }
    if (count == 0) return;
    block = std::span<const T>(kept).first(count);
    facts = Scan(block);
  }
  bool large = std::max(std::abs(facts.min), std::abs(facts.max)) > kLarge;
  moments.Merge(FromFinite(block, facts, large));
}

template <typename T>
void AddBlocks(Moments& moments, std::span<const T> values) {
  for (size_t at = 0; at < values.size(); at += Moments::kBlock) {
    AddBlock(moments, values.subspan(at, std::min(Moments::kBlock, values.size() - at)));
  }
}

}  // namespace

void Moments::Add(std::span<const float> values) { AddBlocks(*this, values); }
void Moments::Add(std::span<const double> values) { AddBlocks(*this, values); }

void Moments::Merge(const Moments& other) {
  nans += other.nans;
  infinities += other.infinities;
  zeros += other.zeros;
  if (other.finite == 0) return;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  auto ours = static_cast<long double>(finite);
  auto theirs = static_cast<long double>(other.finite);
  long double delta = other.mean - mean;
  mean += delta * (theirs / (ours + theirs));
  squares += other.squares + delta * delta * (ours * theirs / (ours + theirs));
  finite += other.finite;
}

}  // namespace pthview
