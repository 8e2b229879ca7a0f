#include "lib/analysis/statistics/kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>

#include "lib/base/bytes.h"

// Of the rest there is little to gain.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/analysis/statistics/kernels.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pthview {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::ScalableTag<double> kD;
using VD = hn::Vec<decltype(kD)>;
constexpr size_t kGroup = 4;  // vectors between two looks at whether a value lay near zero

// How vectors of T are looked at as vectors of doubles: one for double, two for float.
template <typename T>
struct Halves;

template <>
struct Halves<double> {
  static constexpr size_t kCount = 1;
  static void Split(VD v, VD* out) { out[0] = v; }
};

template <>
struct Halves<float> {
#if HWY_TARGET == HWY_SCALAR
  static constexpr size_t kCount = 1;
  static void Split(hn::Vec<hn::ScalableTag<float>> v, VD* out) { out[0] = hn::PromoteTo(kD, v); }
#else
  static constexpr size_t kCount = 2;
  static void Split(hn::Vec<hn::ScalableTag<float>> v, VD* out) {
    const hn::Rebind<float, decltype(kD)> half;
    out[0] = hn::PromoteTo(kD, hn::LowerHalf(half, v));
    out[1] = hn::PromoteTo(kD, hn::UpperHalf(half, v));
  }
#endif
};

template <typename T>
void AddScalar(T raw, double shift, const NearBand& band, BlockSums* sums) {
  auto value = static_cast<double>(raw);
  double d = value - shift;
  double squared = d * d;
  sums->sum1 += d;
  sums->sum2 += squared;
  sums->sum3 += squared * d;
  sums->sum4 += squared * squared;
  double absolute = std::abs(value);
  sums->absolute += absolute;
  sums->min = std::min(sums->min, value);
  sums->max = std::max(sums->max, value);
  sums->zeros += value == 0;
  sums->negatives += value < 0;
  sums->near += absolute < band.sure;
  if (absolute >= band.sure && absolute < band.perhaps) band.candidates[sums->candidates++] = absolute;
}

// The smallest T that is not below `limit`: for values of T, being below it is being below `limit`.
template <typename T>
T LimitAs(double limit) {
  auto rounded = static_cast<T>(limit);
  return static_cast<double>(rounded) < limit ? std::nextafter(rounded, std::numeric_limits<T>::infinity()) : rounded;
}

// Zeros, near zeros and candidates of a few vectors: looked for only where there are any.
template <typename T>
HWY_ATTR void LookNear(const T* HWY_RESTRICT values, size_t count, const NearBand& band, BlockSums* sums) {
  const hn::ScalableTag<T> tag;
  const size_t lanes = hn::Lanes(tag);
  const auto zero = hn::Zero(tag);
  const auto sure = hn::Set(tag, LimitAs<T>(band.sure));
  const auto perhaps = hn::Set(tag, LimitAs<T>(band.perhaps));
  for (size_t i = 0; i + lanes <= count; i += lanes) {
    const auto v = hn::LoadU(tag, values + i);
    const auto magnitude = hn::Abs(v);
    const auto below = hn::Lt(magnitude, sure);
    sums->zeros += static_cast<int64_t>(hn::CountTrue(tag, hn::Eq(v, zero)));
    sums->near += static_cast<int64_t>(hn::CountTrue(tag, below));
    if (hn::AllFalse(tag, hn::AndNot(below, hn::Lt(magnitude, perhaps)))) continue;
    for (size_t k = i; k < i + lanes; ++k) {
      double absolute = std::abs(static_cast<double>(values[k]));
      if (absolute >= band.sure && absolute < band.perhaps) band.candidates[sums->candidates++] = absolute;
    }
  }
}

// All sums live in registers: what is rare (values near zero) is looked at apart, and what is not finite shows in the
// sum of magnitudes. That one is added up in T within a group of vectors: for floats within 2^-22 of its value.
template <typename T>
HWY_ATTR BlockSums Sum(const T* HWY_RESTRICT values, size_t count, double shift, const NearBand& band) {
  const hn::ScalableTag<T> tag;
  const hn::RebindToSigned<decltype(tag)> whole;
  const hn::Rebind<T, decltype(kD)> part;
  constexpr size_t kParts = Halves<T>::kCount;
  const size_t lanes = hn::Lanes(tag);
  const size_t wide = hn::Lanes(kD);
  BlockSums sums{.min = static_cast<double>(values[0]), .max = static_cast<double>(values[0])};
  size_t i = 0;
  if (count >= lanes) {
    const auto zero = hn::Zero(tag);
    // Zeros count as near whatever the band is.
    const auto perhaps =
        hn::Set(tag, std::max(LimitAs<T>(std::max(band.sure, band.perhaps)), std::numeric_limits<T>::denorm_min()));
    const VD center = hn::Set(kD, shift);
    auto low = hn::LoadU(tag, values);
    auto high = low;
    auto negatives = hn::Zero(whole);
    VD sum1 = hn::Zero(kD);
    VD sum2 = hn::Zero(kD);
    VD sum3 = hn::Zero(kD);
    VD sum4 = hn::Zero(kD);
    VD absolute = hn::Zero(kD);
    auto load = [&](const T* at) HWY_ATTR {
      if constexpr (sizeof(T) == sizeof(double)) {
        return hn::LoadU(kD, at);
      } else {
        return hn::PromoteTo(kD, hn::LoadU(part, at));
      }
    };
    while (i + lanes <= count) {
      const size_t group = i;
      const size_t end = std::min(i + kGroup * lanes, count);
      auto nearest = perhaps;
      auto magnitudes = zero;
      for (; i + lanes <= end; i += lanes) {
        const auto v = hn::LoadU(tag, values + i);
        const auto magnitude = hn::Abs(v);
        low = hn::Min(low, v);
        high = hn::Max(high, v);
        nearest = hn::Min(nearest, magnitude);
        magnitudes = hn::Add(magnitudes, magnitude);
        // A mask's lanes are all ones, which is -1.
        negatives = hn::Sub(negatives, hn::BitCast(whole, hn::VecFromMask(tag, hn::Lt(v, zero))));
        for (size_t p = 0; p < kParts; ++p) {
          const VD d = hn::Sub(load(values + i + p * wide), center);
          const VD squared = hn::Mul(d, d);
          sum1 = hn::Add(sum1, d);
          sum2 = hn::Add(sum2, squared);
          sum3 = hn::MulAdd(squared, d, sum3);
          sum4 = hn::MulAdd(squared, squared, sum4);
        }
      }
      VD parts[kParts];
      Halves<T>::Split(magnitudes, parts);
      for (size_t p = 0; p < kParts; ++p) absolute = hn::Add(absolute, parts[p]);
      if (!hn::AllTrue(tag, hn::Eq(nearest, perhaps))) LookNear(values + group, i - group, band, &sums);
    }
    auto total = [](VD v) HWY_ATTR { return hn::GetLane(hn::SumOfLanes(kD, v)); };
    sums.sum1 = total(sum1);
    sums.sum2 = total(sum2);
    sums.sum3 = total(sum3);
    sums.sum4 = total(sum4);
    sums.absolute = total(absolute);
    sums.min = static_cast<double>(hn::GetLane(hn::MinOfLanes(tag, low)));
    sums.max = static_cast<double>(hn::GetLane(hn::MaxOfLanes(tag, high)));
    sums.negatives = static_cast<int64_t>(hn::GetLane(hn::SumOfLanes(whole, negatives)));
  }
  for (; i < count; ++i) AddScalar(values[i], shift, band, &sums);
  sums.finite = std::isfinite(sums.absolute);
  return sums;
}

HWY_ATTR BlockSums SumFloats(const float* values, size_t count, double shift, const NearBand& band) {
  return Sum(values, count, shift, band);
}
HWY_ATTR BlockSums SumDoubles(const double* values, size_t count, double shift, const NearBand& band) {
  return Sum(values, count, shift, band);
}

template <typename T>
HWY_ATTR int64_t Near(const T* HWY_RESTRICT values, size_t count, double limit) {
  const hn::ScalableTag<T> tag;
  const auto edge = hn::Set(tag, LimitAs<T>(limit));
  const size_t lanes = hn::Lanes(tag);
  int64_t near = 0;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    near += static_cast<int64_t>(hn::CountTrue(tag, hn::Lt(hn::Abs(hn::LoadU(tag, values + i)), edge)));
  }
  for (; i < count; ++i) near += std::abs(static_cast<double>(values[i])) < limit;
  return near;
}

HWY_ATTR int64_t NearFloats(const float* values, size_t count, double limit) { return Near(values, count, limit); }
HWY_ATTR int64_t NearDoubles(const double* values, size_t count, double limit) { return Near(values, count, limit); }

template <typename T>
HWY_ATTR double Total(const T* HWY_RESTRICT values, size_t count) {
  const hn::ScalableTag<T> tag;
  const size_t lanes = hn::Lanes(tag);
  VD sum[2] = {hn::Zero(kD), hn::Zero(kD)};
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    VD parts[Halves<T>::kCount];
    Halves<T>::Split(hn::LoadU(tag, values + i), parts);
    for (size_t p = 0; p < Halves<T>::kCount; ++p) sum[p] = hn::Add(sum[p], parts[p]);
  }
  double total = hn::GetLane(hn::SumOfLanes(kD, hn::Add(sum[0], sum[1])));
  for (; i < count; ++i) total += static_cast<double>(values[i]);
  return total;
}

HWY_ATTR double TotalFloats(const float* values, size_t count) { return Total(values, count); }
HWY_ATTR double TotalDoubles(const double* values, size_t count) { return Total(values, count); }

HWY_ATTR void WidenBrain(const std::byte* HWY_RESTRICT from, size_t count, float* HWY_RESTRICT to) {
  const hn::ScalableTag<uint32_t> wide;
  const hn::Rebind<uint16_t, decltype(wide)> narrow;
  const hn::ScalableTag<float> floats;
  const size_t lanes = hn::Lanes(wide);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::PromoteTo(wide, hn::LoadU(narrow, reinterpret_cast<const uint16_t*>(from + 2 * i)));
    hn::StoreU(hn::BitCast(floats, hn::ShiftLeft<16>(bits)), floats, to + i);
  }
  for (; i < count; ++i) to[i] = std::bit_cast<float>(uint32_t{LoadLittle<uint16_t>(from + 2 * i)} << 16);
}

// Half to single without a branch: the exponent is rebiased by a multiplication, which also makes subnormals right.
HWY_ATTR void WidenHalves(const std::byte* HWY_RESTRICT from, size_t count, float* HWY_RESTRICT to) {
  const hn::ScalableTag<uint32_t> wide;
  const hn::Rebind<uint16_t, decltype(wide)> narrow;
  const hn::ScalableTag<float> floats;
  const size_t lanes = hn::Lanes(wide);
  const auto scale = hn::BitCast(floats, hn::Set(wide, uint32_t{(127 + 112) << 23}));
  std::array<std::byte, size_t{2} * HWY_MAX_BYTES> padded_in{};
  std::array<float, HWY_MAX_BYTES> padded_out;
  auto step = [&](const std::byte* at, float* out) HWY_ATTR {
    const auto half = hn::PromoteTo(wide, hn::LoadU(narrow, reinterpret_cast<const uint16_t*>(at)));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(half, hn::Set(wide, 0x7fffU)));
    const auto value = hn::BitCast(wide, hn::Mul(hn::BitCast(floats, magnitude), scale));
    const auto special = hn::VecFromMask(wide, hn::Eq(hn::And(half, hn::Set(wide, 0x7c00U)), hn::Set(wide, 0x7c00U)));
    const auto infinite = hn::Or(magnitude, hn::Set(wide, 0x7f800000U));
    const auto bits = hn::Or(hn::And(special, infinite), hn::AndNot(special, value));
    const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(wide, 0x8000U)));
    hn::StoreU(hn::BitCast(floats, hn::Or(bits, sign)), floats, out);
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) step(from + 2 * i, to + i);
  if (i < count) {
    std::copy_n(from + 2 * i, 2 * (count - i), padded_in.begin());
    step(padded_in.data(), padded_out.data());
    std::copy_n(padded_out.begin(), count - i, to + i);
  }
}

template <typename T>
HWY_ATTR void Bin(const T* HWY_RESTRICT values, size_t count, const BinScale& bins, int32_t* HWY_RESTRICT out) {
  const hn::Rebind<T, decltype(kD)> tag;
  const hn::Rebind<int32_t, decltype(kD)> narrow;
  const size_t lanes = hn::Lanes(kD);
  const VD low = hn::Set(kD, bins.low);
  const VD scale = hn::Set(kD, bins.scale);
  const VD shrink = hn::Set(kD, bins.shrink);
  const VD last = hn::Set(kD, static_cast<double>(bins.last));
  const VD none = hn::Set(kD, -1.0);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    VD v;
    if constexpr (sizeof(T) == sizeof(double)) {
      v = hn::LoadU(kD, values + i);
    } else {
      v = hn::PromoteTo(kD, hn::LoadU(tag, values + i));
    }
    const VD at = hn::Mul(hn::Sub(hn::Mul(v, shrink), low), scale);
    const VD inside = hn::Min(hn::Max(at, hn::Zero(kD)), last);
    const auto finite = hn::Eq(hn::Sub(v, v), hn::Zero(kD));
    hn::StoreU(hn::DemoteTo(narrow, hn::IfThenElse(finite, inside, none)), narrow, out + i);
  }
  for (; i < count; ++i) {
    auto v = static_cast<double>(values[i]);
    double at = std::clamp((v * bins.shrink - bins.low) * bins.scale, 0.0, static_cast<double>(bins.last));
    out[i] = std::isfinite(v) ? static_cast<int32_t>(at) : -1;
  }
}

HWY_ATTR void BinFloats(const float* values, size_t count, const BinScale& bins, int32_t* out) {
  Bin(values, count, bins, out);
}
HWY_ATTR void BinDoubles(const double* values, size_t count, const BinScale& bins, int32_t* out) {
  Bin(values, count, bins, out);
}

template <typename T>
HWY_ATTR PairSums Pair(const T* HWY_RESTRICT a, const T* HWY_RESTRICT b, size_t count, const Tolerance& tolerance) {
  const hn::Rebind<T, decltype(kD)> tag;
  const size_t lanes = hn::Lanes(kD);
  const VD relative = hn::Set(kD, tolerance.relative);
  const VD allowed = hn::Set(kD, tolerance.absolute);
  const VD one = hn::Set(kD, 1.0);
  VD absolute = hn::Zero(kD);
  VD squares = absolute;
  VD aa = absolute;
  VD bb = absolute;
  VD ab = absolute;
  VD largest = absolute;
  VD different = absolute;
  VD beyond = absolute;
  auto load = [&](const T* at) HWY_ATTR {
    if constexpr (sizeof(T) == sizeof(double)) {
      return hn::LoadU(kD, at);
    } else {
      return hn::PromoteTo(kD, hn::LoadU(tag, at));
    }
  };
  PairSums sums;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const VD x = load(a + i);
    const VD y = load(b + i);
    const VD d = hn::Abs(hn::Sub(x, y));
    absolute = hn::Add(absolute, d);
    squares = hn::MulAdd(d, d, squares);
    aa = hn::MulAdd(x, x, aa);
    bb = hn::MulAdd(y, y, bb);
    ab = hn::MulAdd(x, y, ab);
    largest = hn::Max(largest, d);
    different = hn::Add(different, hn::IfThenElseZero(hn::Ne(x, y), one));
    const VD edge = hn::MulAdd(relative, hn::Max(hn::Abs(x), hn::Abs(y)), allowed);
    beyond = hn::Add(beyond, hn::IfThenElseZero(hn::Gt(d, edge), one));
  }
  auto total = [](VD v) HWY_ATTR { return hn::GetLane(hn::SumOfLanes(kD, v)); };
  sums.absolute = total(absolute);
  sums.squares = total(squares);
  sums.aa = total(aa);
  sums.bb = total(bb);
  sums.ab = total(ab);
  sums.max = hn::GetLane(hn::MaxOfLanes(kD, largest));
  sums.different = static_cast<int64_t>(total(different));
  sums.beyond = static_cast<int64_t>(total(beyond));
  for (; i < count; ++i) {
    auto x = static_cast<double>(a[i]);
    auto y = static_cast<double>(b[i]);
    double d = std::abs(x - y);
    sums.absolute += d;
    sums.squares += d * d;
    sums.aa += x * x;
    sums.bb += y * y;
    sums.ab += x * y;
    sums.max = std::max(sums.max, d);
    sums.different += x != y;
    sums.beyond += d > tolerance.absolute + tolerance.relative * std::max(std::abs(x), std::abs(y));
  }
  // Sums of squares are finite only where all values are.
  sums.finite = std::isfinite(sums.aa) && std::isfinite(sums.bb) && std::isfinite(sums.squares);
  return sums;
}

HWY_ATTR PairSums PairFloats(const float* a, const float* b, size_t count, const Tolerance& tolerance) {
  return Pair(a, b, count, tolerance);
}
HWY_ATTR PairSums PairDoubles(const double* a, const double* b, size_t count, const Tolerance& tolerance) {
  return Pair(a, b, count, tolerance);
}

}  // namespace

struct Table {
  static constexpr auto kPairFloats = &PairFloats;
  static constexpr auto kPairDoubles = &PairDoubles;
  static constexpr auto kSumFloats = &SumFloats;
  static constexpr auto kSumDoubles = &SumDoubles;
  static constexpr auto kNearFloats = &NearFloats;
  static constexpr auto kNearDoubles = &NearDoubles;
  static constexpr auto kTotalFloats = &TotalFloats;
  static constexpr auto kTotalDoubles = &TotalDoubles;
  static constexpr auto kWidenBrain = &WidenBrain;
  static constexpr auto kWidenHalves = &WidenHalves;
  static constexpr auto kBinFloats = &BinFloats;
  static constexpr auto kBinDoubles = &BinDoubles;
};

}  // namespace HWY_NAMESPACE
}  // namespace pthview
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pthview {
namespace {

// Highway's own dispatch lives in a shared library, which every start of the program would load. What its AVX2 and
// AVX-512 targets need is asked here.
struct Kernels {
  const char* name;
  BlockSums (*sum_floats)(const float*, size_t, double, const NearBand&);
  BlockSums (*sum_doubles)(const double*, size_t, double, const NearBand&);
  int64_t (*near_floats)(const float*, size_t, double);
  int64_t (*near_doubles)(const double*, size_t, double);
  double (*total_floats)(const float*, size_t);
  double (*total_doubles)(const double*, size_t);
  void (*widen_brain)(const std::byte*, size_t, float*);
  void (*widen_halves)(const std::byte*, size_t, float*);
  void (*bin_floats)(const float*, size_t, const BinScale&, int32_t*);
  void (*bin_doubles)(const double*, size_t, const BinScale&, int32_t*);
  PairSums (*pair_floats)(const float*, const float*, size_t, const Tolerance&);
  PairSums (*pair_doubles)(const double*, const double*, size_t, const Tolerance&);
};

template <typename T>
constexpr Kernels Row(const char* name) {
  return {name,
          T::kSumFloats,
          T::kSumDoubles,
          T::kNearFloats,
          T::kNearDoubles,
          T::kTotalFloats,
          T::kTotalDoubles,
          T::kWidenBrain,
          T::kWidenHalves,
          T::kBinFloats,
          T::kBinDoubles,
          T::kPairFloats,
          T::kPairDoubles};
}

bool Has(std::initializer_list<bool> all) { return std::ranges::all_of(all, std::identity{}); }

#define PTHVIEW_CPU(feature) (__builtin_cpu_supports(feature) != 0)

const Kernels& Chosen() {
  static const Kernels kernels = [] {
    __builtin_cpu_init();
    bool sse4 = Has({PTHVIEW_CPU("sse4.2"), PTHVIEW_CPU("pclmul")});
    bool avx2 = Has({PTHVIEW_CPU("avx2"), PTHVIEW_CPU("fma"), PTHVIEW_CPU("bmi"), PTHVIEW_CPU("bmi2")});
    bool avx512 = Has({PTHVIEW_CPU("avx512f"), PTHVIEW_CPU("avx512vl"), PTHVIEW_CPU("avx512dq"),
                       PTHVIEW_CPU("avx512bw"), PTHVIEW_CPU("avx512cd")});
    if (sse4 && avx2 && avx512) return Row<N_AVX3::Table>("AVX-512");
    if (sse4 && avx2) return Row<N_AVX2::Table>("AVX2");
    if (sse4) return Row<N_SSE4::Table>("SSE4");
    // The lowest one is not called the same by every compiler.
    return Row<HWY_STATIC_DISPATCH(Table)>("baseline");
  }();
  return kernels;
}

}  // namespace

BlockSums SumBlock(std::span<const float> values, double shift, const NearBand& band) {
  return Chosen().sum_floats(values.data(), values.size(), shift, band);
}
BlockSums SumBlock(std::span<const double> values, double shift, const NearBand& band) {
  return Chosen().sum_doubles(values.data(), values.size(), shift, band);
}
int64_t CountNear(std::span<const float> values, double limit) {
  return Chosen().near_floats(values.data(), values.size(), limit);
}
int64_t CountNear(std::span<const double> values, double limit) {
  return Chosen().near_doubles(values.data(), values.size(), limit);
}
double SumOf(std::span<const float> values) { return Chosen().total_floats(values.data(), values.size()); }
double SumOf(std::span<const double> values) { return Chosen().total_doubles(values.data(), values.size()); }
void WidenBFloat16(const std::byte* from, size_t count, float* to) { Chosen().widen_brain(from, count, to); }
void WidenHalf(const std::byte* from, size_t count, float* to) { Chosen().widen_halves(from, count, to); }
void BinIndices(std::span<const float> values, const BinScale& bins, int32_t* out) {
  Chosen().bin_floats(values.data(), values.size(), bins, out);
}
void BinIndices(std::span<const double> values, const BinScale& bins, int32_t* out) {
  Chosen().bin_doubles(values.data(), values.size(), bins, out);
}
PairSums SumPair(std::span<const float> a, std::span<const float> b, const Tolerance& tolerance) {
  return Chosen().pair_floats(a.data(), b.data(), std::min(a.size(), b.size()), tolerance);
}
PairSums SumPair(std::span<const double> a, std::span<const double> b, const Tolerance& tolerance) {
  return Chosen().pair_doubles(a.data(), b.data(), std::min(a.size(), b.size()), tolerance);
}
const char* KernelTarget() { return Chosen().name; }

}  // namespace pthview
#endif  // HWY_ONCE
