// LibTorch's types and constants in the words of the protocol.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include "protocol.pb.h"

namespace pthview::torchscript {

namespace proto = ::pthview::plugin::v1;

// "float32" as torch prints it.
std::optional<c10::ScalarType> ScalarTypeOf(std::string_view name);
std::string_view ScalarTypeName(c10::ScalarType type);  // empty: one that the protocol has no word for

// At most kDeepest levels; what is deeper is unknown.
inline constexpr int kDeepest = 16;
void WriteType(const c10::Type& type, proto::Type& to, int depth = 0);

// False for what the protocol has no word for. `tensor` gives the index of a tensor; nullopt: one without a name.
using TensorIndex = std::function<std::optional<uint32_t>(const at::Tensor& tensor)>;
bool WriteValue(const c10::IValue& value, const TensorIndex& tensor, proto::AttributeValue& to, int depth = 0);

}  // namespace pthview::torchscript
