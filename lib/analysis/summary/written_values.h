// Which plain values of a file people wrote (epoch, best_acc1, args, hyper_parameters), and which are bookkeeping
// (`_metadata`, counters of a framework's loops, options of an optimizer).
#pragma once

#include <vector>

#include "lib/model/model.h"

namespace pthview {

enum class ValueRank : uint8_t {
  kProgress,     // epoch, step
  kResult,       // best_*, loss, accuracy
  kSetting,      // args, config, hyper_parameters
  kOther,        // whatever else stands near the top
  kOptimizer,    // options of optimizers and schedulers
  kBookkeeping,  // nobody wrote it: versions of modules, loop counters, orders of parameters
};

ValueRank RankOf(const Model& model, const PlainValue& plain);

// Rows of Model::plain, what people wrote first; within a rank in the file's order.
struct RankedValue {
  Index plain;
  ValueRank rank;
};
std::vector<RankedValue> RankValues(const Model& model);

}  // namespace pthview
