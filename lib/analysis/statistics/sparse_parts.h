// What the readers of tensors that are made of others share: their parts, and how they are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// kCorrupt: "tensor 'a.weight': <what>".
Error CorruptTensor(const Tensor& tensor, std::string_view what);

// The strided component of that name; null when there is none.
const Tensor* FindPart(const Model& model, const Tensor& tensor, std::string_view name);

// kUnsupported unless the tensor is COO, CSR, CSC, BSR or BSC; kNotFound when the file has no data of it.
Status CheckSparse(const Tensor& tensor);

// Indices as stored, little-endian int64 or int32: `bytes` is a whole number of them. kCorrupt, of `of`, for other types.
Result<std::vector<int64_t>> DecodeIndices(const Tensor& of, DType dtype, std::span<const std::byte> bytes);

}  // namespace pthview
