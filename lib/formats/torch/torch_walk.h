// From the value tree of a PyTorch pickle to the rows of a Model: tensors, modules, plain values, parts.
//
// One iterative walk in the file's order. Shared containers are listed at each place where they stand, within a budget
// that follows from the pickle's size; cycles end where they close. Objects of unknown classes are a row, and the walk
// goes on inside them.
#pragma once

#include <optional>
#include <string_view>

#include "lib/formats/torch/torch_tensors.h"
#include "lib/model/builder.h"

namespace pthview {

// Where the rows of a pickle go when it is one of several in a file.
struct WalkOptions {
  std::string_view path;  // of the root, in escaped form: "constants"; empty when the pickle is the whole file
  Index part = kNone;     // the part that everything belongs to; kNone: parts of its own
  std::optional<PartKind> part_kind;  // of the root's own part; nullopt: told by what is inside
  std::optional<TensorKind> kind;     // of all tensors; nullopt: told by where they stand
  bool content = false;               // fill Model::content with the pickle's tree
};

void WalkTorchPickle(const TorchPickle& file, const NestedStorageReader& nested, ModelBuilder& builder,
                     const WalkOptions& options = {});

}  // namespace pthview
