// What `show` takes a tensor's values from, whatever its layout.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/analysis/dense_copy.h"
#include "lib/model/model.h"

namespace pthview {

struct TensorView {
  // The strided tensor whose values are the tensor's own: itself, or the dense form of a sparse one, in `made`.
  // nullptr: there is none.
  const Model* model = nullptr;
  const Tensor* values = nullptr;
  std::optional<Model> made;
  // The tensors that it is made of, in the model that it came from: constituents of a nested tensor, else components.
  std::vector<TensorPart> parts;
  std::string note;  // why something is not here; may be empty
};

// At most `most_parts` parts. The result points into itself and into `model`: it is to stay where it is.
void ViewTensor(const Model& model, const Tensor& tensor, size_t most_parts, TensorView* view);

// "float32 [3, 4]"
std::string PartText(const TensorPart& part);

}  // namespace pthview
