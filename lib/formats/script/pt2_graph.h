// The graph of an exported program (torch.export), from its JSON to a Graph of the model.
#pragma once

#include <string_view>

#include "lib/formats/common/json_tree.h"
#include "lib/model/builder.h"

namespace pthview {

// Adds the graph and the module tree of `program`, whose weights are the tensors of `part` already: the signature says
// which of them are parameters, buffers and constants. Graph::name is `name`.
void AddExportedProgram(Json program, std::string_view name, Index part, ModelBuilder& builder);

// Adds a graph of the operators that code of AOTInductor calls: `nodes` is a list of {"name", "node"}. What flows between
// them is known as far as they name the same values; the rest is in the code.
void AddExternNodes(Json nodes, std::string_view name, Index part, ModelBuilder& builder);

}  // namespace pthview
