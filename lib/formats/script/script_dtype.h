// The element types of model.json, by the names of caffe2's TensorProto.DataType.
#pragma once

#include <string_view>

#include "lib/base/dtype.h"

namespace pthview {

inline DType ScriptDType(std::string_view name) {
  struct Row {
    std::string_view name;
    DType dtype;
  };
  constexpr Row kRows[] = {
      {"FLOAT", DType::kFloat32}, {"DOUBLE", DType::kFloat64}, {"FLOAT16", DType::kFloat16}, {"INT64", DType::kInt64},
      {"INT32", DType::kInt32},   {"INT16", DType::kInt16},    {"INT8", DType::kInt8},       {"UINT8", DType::kUint8},
      {"BYTE", DType::kUint8},    {"BOOL", DType::kBool},
  };
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return DType::kUnknown;
}

}  // namespace pthview
