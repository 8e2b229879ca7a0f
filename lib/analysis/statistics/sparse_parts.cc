#include "lib/analysis/statistics/sparse_parts.h"

#include <string>

#include "lib/base/bytes.h"

namespace pthview {

Error CorruptTensor(const Tensor& tensor, std::string_view what) {
  return {.code = ErrorCode::kCorrupt, .message = "tensor '" + std::string(tensor.path) + "': " + std::string(what)};
}

const Tensor* FindPart(const Model& model, const Tensor& tensor, std::string_view name) {
  for (const Component& component : model.ComponentsOf(tensor)) {
    const Tensor& found = model.components[component.tensor];
    if (component.name == name && found.layout == Layout::kDense) return &found;
  }
  return nullptr;
}

Status CheckSparse(const Tensor& tensor) {
  const bool compressed = tensor.layout >= Layout::kSparseCsr && tensor.layout <= Layout::kSparseBsc;
  if (tensor.layout != Layout::kSparseCoo && !compressed) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = "tensor '" + std::string(tensor.path) + "' has layout " + std::string(LayoutName(tensor.layout)),
        .hint = "look at its components"};
  }
  if (tensor.data != DataState::kPresent) {
    return Error{.code = ErrorCode::kNotFound,
                 .message = "tensor '" + std::string(tensor.path) + "' has no data in this file (" +
                            std::string(DataStateName(tensor.data)) + ")"};
  }
  return Ok();
}

Result<std::vector<int64_t>> DecodeIndices(const Tensor& of, DType dtype, std::span<const std::byte> bytes) {
  const bool wide = dtype == DType::kInt64;
  if (!wide && dtype != DType::kInt32) return CorruptTensor(of, "indices are integers of 32 or 64 bits");
  std::vector<int64_t> out(bytes.size() / (wide ? 8 : 4));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = wide ? LoadLittle<int64_t>(bytes.data() + 8 * i) : LoadLittle<int32_t>(bytes.data() + 4 * i);
  }
  return out;
}

}  // namespace pthview
