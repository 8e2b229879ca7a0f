// Whether two tensors differ by a matrix of low rank, as a merged adapter (LoRA) leaves behind.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// Both have the same shape, one that MatrixShapeOf takes. The rank of b - a, when that is at most a quarter of the
// smaller side and 128; else nullopt. Large matrices are first asked by a part of their rows and columns, whose rank
// cannot be higher, so that those of full rank are not read. Errors are those of reading.
Result<std::optional<int64_t>> RankOfDifference(const Model& model_a, const Tensor& a, const Model& model_b,
                                                const Tensor& b);

}  // namespace pthview
