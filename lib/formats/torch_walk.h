// From the value tree of a PyTorch pickle to the rows of a Model: tensors, modules, plain values, parts.
//
// One iterative walk in the file's order. Shared containers are listed at each place where they stand, within a budget
// that follows from the pickle's size; cycles end where they close. Objects of unknown classes are a row, and the walk
// goes on inside them.
#pragma once

#include "lib/formats/torch_tensors.h"
#include "lib/model/builder.h"

namespace pthview {

void WalkTorchPickle(const TorchPickle& file, const NestedStorageReader& nested, ModelBuilder& builder);

}  // namespace pthview
