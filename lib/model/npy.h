// A tensor as NumPy's .npy file, in a stream. Source: numpy/lib/format.py (format versions 1.0 and 2.0).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/result.h"
#include "lib/model/model.h"
#include "lib/model/tensor_data.h"

namespace pthview {

struct NpyFile {
  std::string header;    // magic, version, dictionary
  uint64_t nbytes = 0;   // of the values behind it
  bool widened = false;  // the values become float32: NumPy has no such type (bfloat16, float8)
};

// What the file of `tensor` is made of. kUnsupported for layouts that are not dense and for types that NumPy has
// neither as such nor as float32 (quantized, packed, complex32); kNotFound when it has no bytes.
Result<NpyFile> DescribeNpy(const Tensor& tensor);

// Hands the values to `write` in order, NpyFile::nbytes of them. Errors as ForEachBlock, and what `write` returns.
Status WriteNpyValues(const Model& model, const Tensor& tensor, const BlockFunction& write);

}  // namespace pthview
