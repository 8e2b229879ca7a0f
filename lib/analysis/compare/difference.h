// What two tensors of the same shape differ by, read in step: as fast as memcmp where their bytes are equal.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "lib/analysis/statistics/kernels.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

enum class Verdict : uint8_t {
  kEqual,  // every value
  kClose,  // every value within the tolerance
  kDiffers,
  kIncomparable,  // shapes differ, or one has no values
};
std::string_view VerdictName(Verdict verdict);  // "equal", "close", "differs", "incomparable"

// NaN equals NaN, and an infinity the same one; where only one of a pair is finite, the pair is beyond any tolerance
// and left out of the sums. Complex values are compared part by part, quantized ones by what they stand for.
struct Difference {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  Verdict verdict = Verdict::kIncomparable;
  std::string reason;  // of kIncomparable: "shapes [3] and [4]"
  int64_t count = 0;
  int64_t different = 0;    // pairs that are not equal
  int64_t beyond = 0;       // pairs beyond the tolerance
  int64_t not_finite = 0;   // pairs of which only one is finite, or that are different infinities
  double max = kNone;       // largest |a - b|
  double mean = kNone;      // mean |a - b|
  double relative = kNone;  // root of the sum of (a - b)^2 over the larger of the two norms: the same either way round
  double cosine = kNone;    // of the angle between the two; NaN where one is zero
  double distance = kNone;  // root of the sum of (a - b)^2
  double norm_a = kNone;
  double norm_b = kNone;
  bool same_bytes = false;  // equal, and of the same dtype
};

struct DifferenceOptions {
  // nullopt: by the less precise of the two dtypes, as torch.testing.assert_close has it.
  std::optional<Tolerance> tolerance;
  const std::atomic<bool>* cancelled = nullptr;
};

// All cores work on a large pair. Errors are those of reading.
Result<Difference> Compare(const Model& model_a, const Tensor& a, const Model& model_b, const Tensor& b,
                           const DifferenceOptions& options = {});

Tolerance DefaultTolerance(DType a, DType b);

}  // namespace pthview
