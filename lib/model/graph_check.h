// The rules of graphs, in one place for all who make them:
//
// - indices are in range: values, tensors, modules, parts, graphs;
// - in a recorded graph no two values and no two nodes have one name (an empty one aside);
// - SSA form: a value is an input, or made by one node, or neither (a weight, an absent argument, one of the graph
//   around; a value that a broken file never makes); the node that makes it stands before all that use it;
// - a body belongs to one node, of a graph before it in Model::graphs, and bodies nest at most kDeepestBlock deep;
// - graph_roots are the graphs that are no bodies, each once;
// - attributes and types nest at most kDeepestAttribute and kDeepestType deep; a graph among the attributes is one of
//   the node's blocks.
#pragma once

#include <optional>
#include <string>

#include "lib/model/model.h"

namespace pthview {

inline constexpr int kDeepestBlock = 100;

// The first rule that does not hold, as a sentence without a subject's index: "two values of a graph have one name";
// `graph` is the row of the graph.
struct BrokenRule {
  std::string text;
  Index graph = kNone;
};
std::optional<BrokenRule> CheckGraphs(const Model& model);

}  // namespace pthview
