// Traces as panels of lines.
#pragma once

#include <span>

#include "lib/analysis/compare/trace.h"
#include "lib/analysis/pictures/panel.h"

namespace pthview {

// Mean with its deviation, norm, update-to-weight ratio, and cosines, over steps where all files record them, else over
// the files in their order.
pictures::Panel TracePanel(const Trace& trace, const CheckpointOrder& order);

}  // namespace pthview
