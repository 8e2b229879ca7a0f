// One tensor across checkpoints of a run.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/analysis/compare/checkpoint_step.h"
#include "lib/analysis/compare/difference.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct TracePoint {
  size_t file = 0;  // position of the model
  Index tensor = kNone;
  std::optional<Statistics> statistics;
  std::string reason;                    // why there are none
  std::optional<Difference> from_first;  // this one beside the first that there is; nullopt for the first
  std::optional<Difference> from_before;
  // |change since the one before| / |the one before|; NaN where it is not known.
  double update_ratio = Difference::kNone;
};

struct Trace {
  std::string name;                // as in the first file that has it, without a wrapper's prefix
  std::vector<TracePoint> points;  // in the order of the checkpoints; files without the tensor are left out
};

// `chosen[i]` are rows of models[i]->tensors; those of the same name (wrappers' prefixes aside) are one trace. Traces
// are in the order of the first file that has them. Expects InferModules to have been called, for the prefixes.
Result<std::vector<Trace>> TraceTensors(std::span<const Model* const> models,
                                        std::span<const std::vector<Index>> chosen, const CheckpointOrder& order);

}  // namespace pthview
