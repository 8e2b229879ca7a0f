// safetensors: names, types, shapes and bytes of tensors, and nothing else.
//
//   8 length of the header, little-endian   header: JSON, padded with spaces   bytes of the tensors, without gaps
//
// The larger elements come first, so that each tensor is aligned; then tensors stand as they do in their storages. What
// is not contiguous is made so. Types that the format has no name for are written as their bytes, tensors made of
// tensors as those. ConvertReport::placed says where everything went, for the JSON that holds the rest.
// Source: the format's specification, huggingface/safetensors README.md and safetensors/src/tensor.rs.
#pragma once

#include <span>

#include "converters/converter.h"

namespace pthview {

Result<ConvertReport> WriteSafetensors(Model& model, std::span<const Index> tensors, const ConvertOptions& options);

}  // namespace pthview
