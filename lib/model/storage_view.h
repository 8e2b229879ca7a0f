// Where a tensor's values stand in its storage: tensors of equal views have the same values, of which one copy is
// enough.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/model/model.h"

namespace pthview {

struct StorageView {
  Index storage;   // into Model::storages
  int64_t offset;  // in elements, as the strides
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  DType dtype;
  bool conj;
  bool neg;
  auto operator<=>(const StorageView&) const = default;
};

inline StorageView ViewOf(const Tensor& tensor) {
  return {tensor.storage,
          tensor.offset,
          {tensor.shape.begin(), tensor.shape.end()},
          {tensor.strides.begin(), tensor.strides.end()},
          tensor.dtype,
          tensor.conj,
          tensor.neg};
}

}  // namespace pthview
