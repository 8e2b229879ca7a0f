// Which parameter each state of an optimizer belongs to: the file numbers them, in the order of the model's parameters.
#pragma once

#include "lib/model/model.h"

namespace pthview {

// Sets Tensor::state_of, and adds a finding ("optimizer-names") for each optimizer part whose states
// (`state[3].exp_avg`) have the shapes of a model part's parameters, taken in order. Says nothing when they do not fit,
// which is so for parameters that were frozen or put into groups in another order. States that are filed by the
// parameter's name
// (`state.layer1.weight.exp_avg`, as FSDP and distributed checkpoints do) need no finding.
void NameOptimizerStates(Model& model);

}  // namespace pthview
