// The graphs of torch.fx modules: what their generated source text (fx_source.h) says that runs.
#pragma once

#include "lib/model/builder.h"

namespace pthview {

// A recorded graph for each GraphModule of the model from row `first_module` on that carries its source: "forward", or
// with the module's path before it. Submodules that it calls are nodes of their class with their weights as inputs;
// operators are named as torch.export names them ("_operator::add"), methods are torch.Tensor's. Types are what the
// source says, which is mostly nothing. A statement of another form is a node that shows its text, and a finding.
void AddFxGraphs(ModelBuilder& builder, Index first_module);

}  // namespace pthview
