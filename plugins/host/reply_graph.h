// The graphs of a plug-in's answer.
#pragma once

#include <functional>
#include <string_view>

#include "lib/base/result.h"
#include "lib/model/builder.h"
#include "protocol.pb.h"

namespace pthview::plugins {

// Finds a module of a part by its path; kNone when there is none.
using ModuleLookup = std::function<Index(Index part, std::string_view path)>;

// Adds the reply's graphs to the model, whose parts, tensors and modules are there already. An index out of range is
// kCorrupt. Graphs that break a rule of model.h (SSA form, blocks that nest, top-level graphs first) are all left out,
// with a finding that names the rule.
Status ReadGraphs(const ::pthview::plugin::v1::Model& reply, const ModuleLookup& module_at, ModelBuilder& builder);

}  // namespace pthview::plugins
