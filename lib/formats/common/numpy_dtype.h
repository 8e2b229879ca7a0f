// NumPy's codes of element types, as .npy headers and pickles write them.
// Source: numpy/core/arrayprint and the array interface protocol (typestr).
#pragma once

#include <string_view>

#include "lib/base/dtype.h"

namespace pthview {

struct NumpyCode {
  DType dtype = DType::kUnknown;  // kUnknown: objects, text, records, and numbers that torch does not have
  bool big_endian = false;
};

// "<f4", ">i8", "|b1", "f8".
NumpyCode ParseNumpyCode(std::string_view code);

}  // namespace pthview
