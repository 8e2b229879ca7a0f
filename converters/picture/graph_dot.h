// A graph in the language of Graphviz, for pthview-dot to draw.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct GraphDotOptions {
  // Levels of modules to unfold; -1: as many as fit into `comfortable` boxes.
  int64_t depth = -1;
  size_t comfortable = 300;
  size_t most = 4000;  // more boxes are kLimit: laying them out would take minutes
};

// Modules are clusters, unfolded or single boxes; bodies of nodes are clusters inside the node's. What an inferred
// graph draws is the same with dashed edges. Every text from the file is escaped for Graphviz; names of boxes and
// clusters are numbers.
Result<std::string> GraphDot(const Model& model, const Graph& graph, const GraphDotOptions& options);

}  // namespace pthview
