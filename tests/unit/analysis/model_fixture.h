// Models made by hand for the tests of analysis: tensors with names and shapes, with or without values.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/source.h"
#include "lib/model/model.h"

namespace pthview::testing {

class ModelFixture {
 public:
  Model model;

  Index AddPart(PartKind kind, std::string_view path) {
    model.parts.push_back({.kind = kind, .path = model.arena.Copy(path)});
    return static_cast<Index>(model.parts.size() - 1);
  }

  // A tensor without data in the last part (one that is the whole file when there is none yet).
  Index Add(std::string_view name, std::vector<int64_t> shape, DType dtype = DType::kFloat32) {
    if (model.parts.empty()) AddPart(PartKind::kModel, "");
    Tensor tensor = Describe(std::move(shape), dtype);
    tensor.part = static_cast<Index>(model.parts.size() - 1);
    std::string path(model.parts.back().path);
    if (!path.empty()) path += '.';
    tensor.name = model.arena.Copy(name);
    tensor.path = model.arena.Copy(path.append(name));
    model.tensors.push_back(tensor);
    return static_cast<Index>(model.tensors.size() - 1);
  }

  // A contiguous tensor with these values.
  template <typename T>
  Index AddValues(std::vector<int64_t> shape, DType dtype, const std::vector<T>& values) {
    Index index = Add("values" + std::to_string(model.tensors.size()), std::move(shape), dtype);
    GiveData(model.tensors[index], std::as_bytes(std::span(values)));
    return index;
  }

  template <typename T>
  Index AddComponent(DType dtype, const std::vector<T>& values) {
    Tensor tensor = Describe({static_cast<int64_t>(values.size())}, dtype);
    GiveData(tensor, std::as_bytes(std::span(values)));
    model.components.push_back(tensor);
    return static_cast<Index>(model.components.size() - 1);
  }

  // Another view of the same storage; `contiguous` is not claimed.
  void Restride(Index index, std::vector<int64_t> shape, std::vector<int64_t> strides) {
    Tensor& tensor = model.tensors[index];
    tensor.shape = model.arena.Copy(std::span<const int64_t>(shape));
    tensor.strides = model.arena.Copy(std::span<const int64_t>(strides));
    tensor.numel = 1;
    for (int64_t size : shape) tensor.numel *= size;
    tensor.contiguous = false;
  }

  void AddPlain(std::string_view path, std::string_view text) {
    model.plain.push_back(
        {.path = model.arena.Copy(path), .text = model.arena.Copy(text), .part = model.parts.empty() ? kNone : 0});
  }

  // The module at `path`, or nullptr.
  const Module* Find(std::string_view path) const {
    for (const Module& module : model.modules) {
      if (module.path == path) return &module;
    }
    return nullptr;
  }

  std::string ClassOf(std::string_view path) const {
    const Module* module = Find(path);
    return module == nullptr ? "(no such module)" : std::string(module->class_name);
  }

  // "name=text, name=text" of a module's attributes.
  std::string AttributesOf(std::string_view path) const {
    std::string text;
    const Module* module = Find(path);
    if (module == nullptr) return "(no such module)";
    for (const Attribute& attribute : module->attributes) {
      text += (text.empty() ? "" : ", ") + attribute.name + "=" + attribute.text;
    }
    return text;
  }

  std::vector<const Finding*> FindingsOf(std::string_view code) const {
    std::vector<const Finding*> found;
    for (const Finding& finding : model.findings) {
      if (finding.code == code) found.push_back(&finding);
    }
    return found;
  }

 private:
  Tensor Describe(std::vector<int64_t> shape, DType dtype) {
    Tensor tensor{.dtype = dtype};
    std::vector<int64_t> strides(shape.size());
    tensor.numel = 1;
    for (size_t d = shape.size(); d-- > 0;) {
      strides[d] = tensor.numel;
      tensor.numel *= shape[d];
    }
    tensor.shape = model.arena.Copy(std::span<const int64_t>(shape));
    tensor.strides = model.arena.Copy(std::span<const int64_t>(strides));
    tensor.contiguous = true;
    return tensor;
  }

  void GiveData(Tensor& tensor, std::span<const std::byte> bytes) {
    tensor.storage = static_cast<Index>(model.storages.size());
    tensor.data = DataState::kPresent;
    model.storages.push_back({.source = static_cast<Index>(model.sources.size()),
                              .offset = 0,
                              .nbytes = bytes.size(),
                              .dtype = tensor.dtype});
    model.sources.push_back(OpenMemory("memory", {bytes.begin(), bytes.end()}));
  }
};

}  // namespace pthview::testing
