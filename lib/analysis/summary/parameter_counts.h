// Parameters as torch counts them: `sum(p.numel() for p in model.parameters())`.
#pragma once

#include <functional>

#include "lib/model/model.h"

namespace pthview {

struct ParameterCounts {
  uint64_t all = 0;  // each parameter once, under however many names
  uint64_t trainable = 0;
  uint64_t frozen = 0;  // requires_grad is False
  uint64_t tied = 0;    // further names of parameters that were counted already
  // Whether requires_grad says what the training used: in a state_dict it is False for all, or absent. Where it does
  // not, `trainable` and `frozen` are 0.
  bool says_trainable = false;
};

// Of the part's tensors that `has` lets through (all, when it is empty).
ParameterCounts CountParameters(const Model& model, Index part, const std::function<bool(const Tensor&)>& has = {});

// The same for every part in one pass over the tensors.
std::vector<ParameterCounts> CountParametersByPart(const Model& model,
                                                   const std::function<bool(const Tensor&)>& has = {});

}  // namespace pthview
