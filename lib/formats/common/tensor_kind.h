// Telling parameters from buffers where a file lists nothing but names.
#pragma once

#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// Running statistics, and whatever cannot have a gradient, are buffers.
inline TensorKind KindByName(std::string_view name, DType dtype) {
  size_t dot = name.rfind('.');
  if (dot != std::string_view::npos) name.remove_prefix(dot + 1);
  if (name == "running_mean" || name == "running_var" || name == "num_batches_tracked") return TensorKind::kBuffer;
  DTypeClass kind = Info(dtype).kind;
  bool floating = kind == DTypeClass::kFloat || kind == DTypeClass::kComplex || kind == DTypeClass::kQuantized;
  return floating ? TensorKind::kParameter : TensorKind::kBuffer;
}

}  // namespace pthview
