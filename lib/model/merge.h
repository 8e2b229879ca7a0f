// Putting several models into one: shards of a checkpoint, the members of a bag.
#pragma once

#include <string_view>

#include "lib/model/builder.h"

namespace pthview {

struct MergeOptions {
  // Stands before the paths of everything that comes in, as one step ("ema.pth" gives `["ema.pth"].fc.weight`); empty:
  // paths stay.
  std::string_view step;
  // A part of the target that takes in what belongs to the parts of `other`'s root; kNone: parts stay apart. For
  // shards, whose tensors are one model.
  Index part = kNone;
};

// Appends all rows of `other` to the builder's model: indices are moved along, findings are kept, and the text and
// shapes that rows point to go along with `other`'s arena. Rows keep their order, so the first row of `other` becomes
// row model().tensors.size() as it was before.
void Merge(ModelBuilder& builder, Model other, const MergeOptions& options);

}  // namespace pthview
