// Shapes, strides and other short lists of ints, as pickles hold them. A pickle may name one long list many times, so
// that no more is copied than there can be of use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/model/builder.h"
#include "lib/pickle/value.h"

namespace pthview {

// What an object was called with, when that is one value: the tuple of a torch.Size, the value of an enum. Anything
// else is given back as it is.
pickle::Value OnlyArgument(const pickle::Tree& tree, pickle::Value value);

// Appends the sizes or strides in a tuple or list: at most one more than a tensor has dimensions, by which it is seen
// that they are too many. False for anything else, and when one is no int.
bool AppendSizes(const pickle::Tree& tree, pickle::Value sequence, std::vector<int64_t>* out);

// A torch.Size, tuple or list of ints; nullopt for anything else, and for more than `most`.
std::optional<std::vector<int64_t>> IntsOf(const pickle::Tree& tree, pickle::Value value,
                                           size_t most = ModelBuilder::kMaxRank);

}  // namespace pthview
