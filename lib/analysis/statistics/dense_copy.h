// What tensors of layouts other than strided stand for, as strided tensors: sparse ones as the dense tensor, nested
// ones as their constituents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// More than this is not put together: what a person looks at, or a viewer draws, is far smaller.
inline constexpr uint64_t kMostDenseBytes = uint64_t{16} << 20;

// A sparse tensor (COO, CSR, CSC, BSR, BSC) as a model of its own, with one dense tensor in memory. Entries that stand
// several times at one place are added, as torch's to_dense() does. kUnsupported for other layouts, for types that
// cannot be added and need to be; kLimit when the dense tensor or what is stored takes more than kMostDenseBytes;
// kCorrupt when indices and shape do not fit; kNotFound without data.
Result<Model> DenseCopy(const Model& model, const Tensor& tensor);

// A strided tensor that stands inside another, in the same storage. Owns what `tensor` points to.
struct TensorPart {
  std::string name;  // "[0]"
  Tensor tensor;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  void Bind() {
    tensor.shape = shape;
    tensor.strides = strides;
  }
};

// The first `most` constituents of a nested tensor, strided or jagged. Errors as above.
Result<std::vector<TensorPart>> NestedParts(const Model& model, const Tensor& tensor, size_t most);

}  // namespace pthview
