// The inner loops of the statistics, each compiled for several instruction sets with Highway; the best that the
// processor has is chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pthview {

// Values nearer to zero than a limit, where the limit is not yet known: those below `sure` are counted; the absolute
// values of those from `sure` to `perhaps` are put into `candidates`, which has room for as many as the block has
// values. Both 0: no value counts.
struct NearBand {
  double sure = 0;
  double perhaps = 0;
  double* candidates = nullptr;
};

// What one pass over a block tells. sum1 to sum4 are of powers of (value - shift). Where `finite` is false only that
// holds: a value is not finite, or the sum of magnitudes overflowed.
struct BlockSums {
  double sum1 = 0;
  double sum2 = 0;
  double sum3 = 0;
  double sum4 = 0;
  double absolute = 0;  // sum of absolute values
  double min = 0;
  double max = 0;
  int64_t zeros = 0;
  int64_t negatives = 0;
  int64_t near = 0;       // |value| < band.sure
  size_t candidates = 0;  // how many were written
  bool finite = true;
};

// `values` is not empty.
BlockSums SumBlock(std::span<const float> values, double shift, const NearBand& band);
BlockSums SumBlock(std::span<const double> values, double shift, const NearBand& band);

// How many have an absolute value below `limit`.
int64_t CountNear(std::span<const float> values, double limit);
int64_t CountNear(std::span<const double> values, double limit);

// Their sum, for a first mean; NaN or infinite where a value is.
double SumOf(std::span<const float> values);
double SumOf(std::span<const double> values);

// 16-bit floats as floats: bfloat16 and IEEE 754 half.
void WidenBFloat16(const std::byte* from, size_t count, float* to);
void WidenHalf(const std::byte* from, size_t count, float* to);

// The bin of each value in [low, low + count / scale): clamp((value * shrink - low) * scale, 0, last), cut to an
// integer; -1 for what is not finite.
struct BinScale {
  double low = 0;
  double scale = 0;
  double shrink = 1;
  int32_t last = 0;
};
void BinIndices(std::span<const float> values, const BinScale& bins, int32_t* out);
void BinIndices(std::span<const double> values, const BinScale& bins, int32_t* out);

// What two blocks of the same length differ by. A pair counts as beyond the tolerance when
// |a - b| > absolute + relative * max(|a|, |b|). Where `finite` is false only that holds.
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};
struct PairSums {
  double absolute = 0;  // sum of |a - b|
  double squares = 0;   // of (a - b)^2
  double aa = 0;
  double bb = 0;
  double ab = 0;
  double max = 0;  // largest |a - b|
  int64_t different = 0;
  int64_t beyond = 0;
  bool finite = true;
};
PairSums SumPair(std::span<const float> a, std::span<const float> b, const Tolerance& tolerance);
PairSums SumPair(std::span<const double> a, std::span<const double> b, const Tolerance& tolerance);

// "AVX2", "SSE4": for benchmarks and bug reports.
const char* KernelTarget();

}  // namespace pthview
