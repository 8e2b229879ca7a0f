// When in its run a checkpoint was written, as it says itself; and in which order files are looked at.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

// A plain number of the file that counts the run: "global_step" = 12000, "epoch" = 3.
struct CheckpointStep {
  std::string path;
  std::string key;  // the last step of the path: what files are compared by
  double value = 0;
};

// All that the file has, the finest first (steps before epochs); outer places before inner ones.
std::vector<CheckpointStep> StepsOf(const Model& model);

struct CheckpointOrder {
  std::vector<size_t> order;  // positions of the models
  std::string key;            // what it is by: "epoch"; empty: by name
  std::vector<double> steps;  // by position of the model; empty when by name
};

// By the first of the keys that every file has, where not all are equal; else by name, where numbers count as such.
CheckpointOrder OrderCheckpoints(std::span<const Model* const> models);

// "model-9" before "model-10".
bool NaturallyLess(std::string_view a, std::string_view b);

}  // namespace pthview
