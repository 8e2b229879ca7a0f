// What an optimizer's state_dict records beside its state tensors: hyperparameters by group, steps by parameter.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

// NaN where the file does not say.
struct OptimizerOptions {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  double lr = kNone;
  double beta1 = kNone;
  double beta2 = kNone;
  double eps = kNone;
  double momentum = kNone;
  double weight_decay = kNone;
  double decay = kNone;                      // RMSprop's alpha, Adadelta's rho: of running means
  double lr_decay = kNone;                   // Adagrad
  double initial_accumulator_value = kNone;  // Adagrad
  double ns_steps = kNone;                   // Muon
  double step = kNone;                       // steps taken: of the state, or a plain value beside it
  bool nesterov = false;
};

// param_groups and plain steps of the optimizer whose state_dict stands at a part's path.
class OptimizerGroups {
 public:
  OptimizerGroups(const Model& model, std::string_view path);

  // Of a numbered parameter (torch numbers them group by group), or of a named one; `state_path` is where its state
  // stands. What differs between groups is NaN where nothing says which one it is in.
  OptimizerOptions OptionsOf(size_t number, std::string_view state_path) const;
  OptimizerOptions OptionsOf(std::string_view name, std::string_view state_path) const;

  size_t size() const { return groups_.size(); }

 private:
  struct Group {
    OptimizerOptions options;
    std::string_view params;  // the text of the list
    size_t first = 0;         // the first number in it
    bool numbered = false;
  };
  OptimizerOptions WithStep(OptimizerOptions options, std::string_view state_path) const;

  std::vector<Group> groups_;
  std::map<std::string, double, std::less<>> steps_;  // by the state's path
};

}  // namespace pthview
