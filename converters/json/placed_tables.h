// The tables of a model as if it had been read from a file that a converter wrote: each tensor contiguous, in storages
// that lie in that file. What was tied or tiled one storage still does, where the file keeps it so.
#pragma once

#include <vector>

#include "converters/converter.h"
#include "converters/json/model_writer.h"
#include "lib/model/model.h"

namespace pthview {

// Changes storages, tensors and components of the model while it lives, and puts them back at its end.
class PlacedTables {
 public:
  PlacedTables(Model& model, const PlacedWeights& placed);
  ~PlacedTables();
  PlacedTables(const PlacedTables&) = delete;
  PlacedTables& operator=(const PlacedTables&) = delete;

  // One row for each of the new storages.
  std::vector<StoragePlace> places() const { return places_; }

 private:
  Model& model_;
  std::vector<Storage> storages_;  // the model's own
  std::vector<Tensor> tensors_;
  std::vector<Tensor> components_;
  std::vector<StoragePlace> places_;
  std::vector<uint64_t> begins_;  // of the new storages, in the space of PlacedWeights
  Arena arena_;                   // new strides
};

}  // namespace pthview
