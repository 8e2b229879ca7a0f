// Which parameter each state of an optimizer belongs to: the file numbers them, in the order of the model's parameters.
#pragma once

#include "lib/model/model.h"

namespace pthview {

// Adds a finding ("optimizer-names") for each optimizer part whose states (`state[3].exp_avg`) have the shapes of a
// model part's parameters, taken in order. Says nothing when they do not fit, which is so for parameters that were
// frozen or put into groups in another order.
void NameOptimizerStates(Model& model);

}  // namespace pthview
