// How a tensor's elements become elements that ONNX has a type for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

struct OnnxElements {
  int type = 0;               // TensorProto.DataType
  std::vector<int64_t> dims;  // of the initializer
  bool unpacked = false;      // elements take a byte each that share one in the file
  std::string_view change;    // what is not as in PyTorch; empty when all is
};

// nullopt for dtypes that are not known.
std::optional<OnnxElements> ElementsFor(const Tensor& tensor);

// The IR version that first had the type, when it is newer than the one otherwise written.
int IrVersionFor(int type);

}  // namespace pthview
