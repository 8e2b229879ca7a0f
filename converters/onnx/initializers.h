// The initializers of a model: which tensors, under which names, and where the bytes of each come from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "converters/onnx/element_type.h"
#include "converters/onnx/unique_names.h"
#include "lib/model/model.h"
#include "lib/model/tensor_data.h"

namespace pthview {

struct Initializer {
  const Tensor* tensor = nullptr;
  std::string name;
  OnnxElements elements;
  uint64_t nbytes = 0;
  std::vector<std::string> also;  // further names of the tensor in the checkpoint: it is tied
  // Where it stands in a source as ONNX wants it; nullopt: its elements are gathered.
  std::optional<ByteRange> range;
};

class Initializers {
 public:
  Initializers(const Model& model, std::span<const Index> tensors, UniqueNames& names);

  const std::vector<Initializer>& rows() const { return rows_; }
  // Those of one row of Model::tensors: itself, or the components that make it up. Tied tensors have the same.
  std::span<const Initializer> Of(Index tensor) const {
    auto [first, count] = of_tensor_[tensor];
    return std::span(rows_).subspan(first, count);
  }
  bool Selected(Index tensor) const { return selected_[tensor]; }
  // What was changed or left out, a line each with how often.
  std::vector<std::string> Notes() const;

 private:
  std::vector<Index> FirstOfTied(std::span<const Index> tensors) const;
  void AddWithComponents(const Tensor& tensor, std::string name);
  void Add(const Tensor& tensor, std::string name);
  void Count(std::string what, const std::string& name);

  struct Counted {
    std::string what;
    size_t count;
    std::string first;
  };
  const Model& model_;
  std::vector<Initializer> rows_;
  std::vector<std::pair<size_t, size_t>> of_tensor_;
  std::vector<bool> selected_;
  UniqueNames& names_;
  std::vector<Counted> counted_;
};

}  // namespace pthview
