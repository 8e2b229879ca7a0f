// What the sections of a checkpoint are called, where there is nothing but their names to go by.
#pragma once

#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// "optimizer_states", "lr_scheduler", "model_ema"; anything else is a model.
inline PartKind PartKindOfName(std::string_view name) {
  if (name.find("optim") != name.npos) return PartKind::kOptimizer;
  if (name.find("sched") != name.npos) return PartKind::kScheduler;
  if (name.find("ema") != name.npos) return PartKind::kEma;
  return PartKind::kModel;
}

}  // namespace pthview
