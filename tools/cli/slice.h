// Slices as in Python: `0,:,3:5`, `-1`, `::2`, `...`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// A window of a dense tensor: the same storage under another shape. Owns what its `tensor` points to.
struct TensorWindow {
  Tensor tensor;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  std::vector<int64_t> axes;    // for each dimension of the window: the tensor's dimension
  std::vector<int64_t> starts;  // for each dimension of the tensor: where the window begins
  std::vector<int64_t> steps;   // for each dimension of the tensor

  // Points tensor.shape and tensor.strides at the vectors; to be called after a copy or move.
  void Bind();
};

// `text` empty: the whole tensor. kUsage when the text is no slice, has too many dimensions, or an index is out of
// range (ranges are clipped, as in Python). Steps must be positive.
Result<TensorWindow> SliceTensor(const Tensor& tensor, std::string_view text);

}  // namespace pthview
