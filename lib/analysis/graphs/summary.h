// What a graph is made of, in figures: for `info`, `graph` and the page.
#pragma once

#include <string>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

struct OperatorCount {
  std::string name;  // "aten::conv2d"
  size_t count = 0;
};

struct GraphPort {
  std::string name;
  std::string type;  // may be empty
};

struct GraphSummary {
  size_t nodes = 0;  // of the graph and of the bodies inside it
  size_t bodies = 0;
  std::vector<OperatorCount> operators;  // the most frequent first; by name among equals
  std::vector<GraphPort> inputs;
  std::vector<GraphPort> outputs;
};

GraphSummary SummarizeGraph(const Model& model, const Graph& graph);

}  // namespace pthview
