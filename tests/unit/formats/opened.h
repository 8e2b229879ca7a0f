// Models opened from bytes, and short ways to look at them.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/element.h"
#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"

namespace pthview {

inline Result<Model> OpenBytes(std::string_view bytes) {
  std::vector<std::byte> copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return OpenInside("test.pth", OpenMemory("test.pth", std::move(copy)), {}, 0);
}

inline const Tensor* FindTensor(const Model& model, std::string_view path) {
  for (const Tensor& tensor : model.tensors) {
    if (tensor.path == path) return &tensor;
  }
  return nullptr;
}

inline bool Noted(const Model& model, std::string_view code) {
  return std::any_of(model.findings.begin(), model.findings.end(), [&](const Finding& f) { return f.code == code; });
}

// The text of the first finding of that code; empty when there is none.
inline std::string TextOf(const Model& model, std::string_view code) {
  auto found =
      std::find_if(model.findings.begin(), model.findings.end(), [&](const Finding& f) { return f.code == code; });
  return found == model.findings.end() ? "" : found->text;
}

// "float32[2, 3] 1.0 2.0 ..."; "(none)" when there is no such tensor; ends in "missing" and the like without data.
inline std::string Describe(const Model& model, const Tensor& tensor) {
  std::string text(DTypeName(tensor.dtype));
  text += '[';
  for (size_t d = 0; d < tensor.shape.size(); ++d) text += (d > 0 ? ", " : "") + std::to_string(tensor.shape[d]);
  text += ']';
  if (tensor.data != DataState::kPresent) return text + " " + std::string(DataStateName(tensor.data));
  auto bytes = ReadElements(model, tensor, 0, 100);
  if (!bytes) return text + " " + bytes.error().message;
  DType dtype = BlockDType(tensor.dtype);
  size_t size = Info(dtype).item_size;
  for (size_t at = 0; at + size <= bytes->size(); at += size) {
    text += ' ';
    AppendElement(text, dtype, bytes->data() + at);
  }
  return text;
}

inline std::string Describe(const Model& model, std::string_view path) {
  const Tensor* tensor = FindTensor(model, path);
  return tensor == nullptr ? "(none)" : Describe(model, *tensor);
}

// "path=text" of each plain value, one a line.
inline std::string PlainText(const Model& model) {
  std::string text;
  for (const PlainValue& plain : model.plain) text.append(plain.path).append("=").append(plain.text).append("\n");
  return text;
}

// "path:kind" of each part, with blanks between.
inline std::string Parts(const Model& model) {
  std::string text;
  for (const Part& part : model.parts) {
    text += (text.empty() ? "" : " ") + std::string(part.path) + ":" + std::string(PartKindName(part.kind));
  }
  return text;
}

}  // namespace pthview
