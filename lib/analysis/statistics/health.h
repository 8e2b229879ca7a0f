// What in a file's weights looks unwell, why, and what it may mean. Rules over figures: none of it is a proof.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/statistics/optimizer_state.h"
#include "lib/analysis/statistics/spectrum.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/model/model.h"

namespace pthview {

struct HealthWarning {
  std::string_view code;  // stable: "nan", "dead-units", ...
  Index tensor = kNone;   // into Model::tensors
  std::string why;        // "12 of 64 rows are all zeros (the first: 3)"
  std::string meaning;    // "these units give nothing, whatever comes in"
};

// A tensor with what is known of it; pointers may be null.
struct HealthSubject {
  Index tensor = kNone;
  const Statistics* statistics = nullptr;
  std::span<const Statistics> rows = {};  // of each index along the first dimension
  const Spectrum* spectrum = nullptr;
  const UpdateFigures* update = nullptr;
};

// Only parameters and buffers of models are judged. Weights are those with two dimensions or more; tensors that hold
// integers or packed codes are no weights. In the order of the subjects, and then those about several together.
std::vector<HealthWarning> JudgeHealth(const Model& model, std::span<const HealthSubject> subjects);

}  // namespace pthview
