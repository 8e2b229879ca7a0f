// What an optimizer remembers of each parameter, beside the parameter: how large its gradients are and how far it
// moves.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/statistics/optimizer_options.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// The state tensors of one parameter.
struct StateOfParameter {
  Index parameter = kNone;      // into Model::tensors
  Index optimizer = kNone;      // into Model::parts; kNone for stored gradients
  std::string_view state_path;  // "optimizer.state[3]": where they stand
  std::vector<Index> tensors;   // "exp_avg", "momentum_buffer", ...
  OptimizerOptions options;     // of its group
};

// Joins optimizer states to parameters: those that are named, by name; those that are numbered, by the order of the
// parameters where all shapes agree in that order (leaving out parameters whose requires_grad is false, where the file
// says so; with several groups also matrices first, the rest behind, as weight decay divides them). Also dictionaries
// of gradients: tensors "grads.NAME", "NAME.grad". What does not fit is left out.
std::vector<StateOfParameter> JoinOptimizerStates(const Model& model);

// Root mean squares; NaN where the file has not what they need. All are of the last step that was taken.
struct UpdateFigures {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::string kind;  // "Adam", "SGD with momentum", "RMSprop", "gradient"
  // Of the gradient, as far as the state remembers it: Adam, RMSprop, Adadelta, Adafactor: of the running mean of its
  // square (Adam's corrected for the steps taken); Adagrad: of the mean over all steps; SGD, Muon, Lion: of the running
  // gradient; Rprop and stored gradients: the gradient itself.
  double gradient = kNone;
  double noise =
      kNone;  // Adam: |exp_avg| over the root of exp_avg_sq: 1 where gradients agree, near 0 where they cancel
  double update = kNone;  // of the last step, without weight decay
  double weight = kNone;  // of the parameter
  double ratio = kNone;   // update over weight: 1e-3 is usual; NaN without a learning rate
  double learning_rate = kNone;
  std::string assumed;  // what the file does not say, and was assumed; empty: nothing
};

// Reads the state's tensors once. Errors are those of reading.
Result<UpdateFigures> ComputeUpdate(const Model& model, const StateOfParameter& state);

}  // namespace pthview
