// Which values a sparse tensor stores, and whether each has a place of its own.
#pragma once

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct SparseEntries {
  const Tensor* values = nullptr;  // in Model::components
  bool unique = false;             // no two entries at one place
};

// Reads the indices of a COO, CSR, CSC, BSR or BSC tensor, in linear time and bounded memory. kUnsupported for other
// layouts; kCorrupt when they do not fit the shape; kNotFound without data; kLimit for more than 2^24 rows (columns) of
// a compressed one. `unique` is also false when entries are in no order, so that it cannot be told in linear time.
Result<SparseEntries> ReadSparseEntries(const Model& model, const Tensor& tensor);

}  // namespace pthview
