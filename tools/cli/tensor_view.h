// What `show` takes a tensor's values from, whatever its layout.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/base/result.h"
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

// Whether `slice` (as of --slice; empty: none) can be taken: kUsage when there are no values of the tensor's own to
// take it from, or when it does not fit the shape. `view` is what ViewTensor gave.
Status CheckSlice(const Model& model, const Tensor& tensor, const TensorView& view, std::string_view slice);

// Whether statistics would fetch the whole of a large tensor from another machine, when a slice of it is all that was
// asked for.
bool StatisticsAreFar(const Model& model, const Tensor& tensor, std::string_view slice);

// "float32 [3, 4]"
std::string PartText(const TensorPart& part);

}  // namespace pthview
