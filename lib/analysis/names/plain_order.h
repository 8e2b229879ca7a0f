// Which plain values of a file a person wants to see first.
#pragma once

#include <vector>

#include "lib/model/model.h"

namespace pthview {

// Rows of Model::plain: first what somebody set (hyper-parameters, config, arguments, `__metadata__` of safetensors)
// and single values at the top of the file (epoch); last what a trainer counts on its way (loops, callbacks, the groups
// of optimizers, schedulers). In the file's order within each. The version numbers that a state_dict keeps in
// `_metadata`, one a module, are left out, and so are empty containers.
std::vector<Index> PlainOrder(const Model& model);

}  // namespace pthview
