// ONNX for viewing and for taking weights elsewhere: weights are initializers under their own names, layers are nodes
// of domain `pthview` whose op_type is the layer's class, in the order that lib/analysis/structure/structure.h infers.
//
// Where the weights' bytes go (ConvertOptions.weights):
//   inline     into the model file (TensorProto.raw_data); past protobuf's 2 GB the mode becomes external by itself
//   external   into OUT.data beside it, each at a multiple of 64
//   in-place   they stay where they are: external_data points into the original file. Runtimes refuse `..`, absolute
//              paths and links there, so OUT must lie in that file's folder or above it. Tensors that do not stand in
//              the file as ONNX wants them go to OUT.data.
#pragma once

#include <span>

#include "converters/converter.h"

namespace pthview {

Result<ConvertReport> WriteOnnx(Model& model, std::span<const Index> tensors, const ConvertOptions& options);

}  // namespace pthview
