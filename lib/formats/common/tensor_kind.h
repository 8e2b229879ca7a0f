// Telling parameters from buffers where a file lists nothing but names.
#pragma once

#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// Running statistics, and what well-known classes keep as buffers: rotary embeddings, Swin v2's positions, BART's bias
// of logits. Names with signs in them stand in brackets: ["block1-0.bn.running_mean"].
inline bool IsBufferName(std::string_view name) {
  if (name.ends_with("\"]")) name.remove_suffix(2);
  size_t dot = name.rfind('.');
  if (dot != std::string_view::npos) name.remove_prefix(dot + 1);
  return name == "running_mean" || name == "running_var" || name == "num_batches_tracked" || name == "inv_freq" ||
         name == "relative_coords_table" || name == "final_logits_bias";
}

// Running statistics, and whatever cannot have a gradient, are buffers.
inline TensorKind KindByName(std::string_view name, DType dtype) {
  if (IsBufferName(name)) return TensorKind::kBuffer;
  DTypeClass kind = Info(dtype).kind;
  bool floating = kind == DTypeClass::kFloat || kind == DTypeClass::kComplex || kind == DTypeClass::kQuantized;
  return floating ? TensorKind::kParameter : TensorKind::kBuffer;
}

}  // namespace pthview
