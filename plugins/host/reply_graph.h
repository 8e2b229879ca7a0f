// The graphs of a plug-in's answer.
#pragma once

#include <functional>
#include <string_view>

#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/model/model.h"
#include "protocol.pb.h"

namespace pthview::plugins {

// What the reply's graphs speak of, in the model.
struct ReplyRows {
  std::function<Index(Index part, std::string_view path)> module;  // kNone when there is none
  // The row of the reply's tensor `index`; kNone when the model has none of that name.
  std::function<Index(Index index)> tensor;
};

// Adds the reply's graphs to the model, whose parts, tensors and modules are there already. An index out of range is
// kCorrupt. Graphs that break a rule of model.h (SSA form, blocks that nest, top-level graphs first) are all left out,
// with a finding that names the rule. A value whose tensor the model does not have is an absent argument.
Status ReadGraphs(const ::pthview::plugin::v1::Model& reply, const ReplyRows& rows, Model& model, Findings& findings);

}  // namespace pthview::plugins
