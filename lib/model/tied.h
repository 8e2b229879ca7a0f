// Tensors that stand under several names, and what a file holds when each is counted once.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "lib/base/finding.h"
#include "lib/model/model.h"

namespace pthview {

// Sets Tensor::tied of all tensors: those that are one Python object (same_as), and those that are the same view of the
// same bytes: equal storage, offset, shape, strides and dtype, as tied weights are in a state_dict. Tensors without
// elements or bytes are never tied. Time in proportion to the tables.
void TieTensors(Model& model);

// Bytes that the file holds for a tensor: its elements, or those of the tensors that it is made of (sparse, quantized,
// wrapped ones), which may be more or fewer than Tensor::nbytes() says of the outside view.
uint64_t StoredBytes(const Model& model, const Tensor& tensor);

// Calls `use` with each strided tensor that is stored for `tensor`: itself where it is one, then its components, and
// theirs. No more than kMostStored: real ones have a handful, and a file may name one with thousands a million times.
inline constexpr int kMostStored = 1024;
template <typename Use>
void ForEachStored(const Model& model, const Tensor& tensor, const Use& use) {
  int left = kMostStored;
  if (tensor.layout == Layout::kDense) use(tensor);
  for (const Component& row : model.ComponentsOf(tensor)) {
    const Tensor& component = model.components[row.tensor];
    if (--left < 0) return;
    if (component.layout == Layout::kDense) use(component);
    for (const Component& inner : model.ComponentsOf(component)) {
      if (--left < 0) return;
      if (model.components[inner.tensor].layout == Layout::kDense) use(model.components[inner.tensor]);
    }
  }
}

// Counts tensors, those that are tied once.
class TensorCount {
 public:
  // False for one that is tied to another that was added.
  bool Add(const Model& model, const Tensor& tensor);

  uint64_t tensors() const { return tensors_; }
  uint64_t tied() const { return tied_; }              // further names of what was counted
  uint64_t parameters() const { return parameters_; }  // elements of parameters
  // Of their storages, each whole and once; of what has none, what its elements would take.
  uint64_t StorageBytes(const Model& model);

 private:
  uint64_t tensors_ = 0;
  uint64_t tied_ = 0;
  uint64_t parameters_ = 0;
  uint64_t bytes_without_storage_ = 0;
  std::unordered_set<Index> several_;
  std::vector<Index> storages_;
};

// A storage of which the tensors use a small part is what a slice saved without .clone() leaves: info "storage-unused"
// with both sizes.
void NoteUnusedBytes(Model& model);

}  // namespace pthview
