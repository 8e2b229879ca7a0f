// A recorded graph folded by module, as the module tree is: what one call of a module runs is a group, and groups stand
// inside each other.
//
// Nodes stand in the order in which they run, so a call is a run of neighbours: folding never makes a cycle, whatever
// the file says about modules. Where a call is torn apart (by code that its caller moved into it), it gives two groups.
#pragma once

#include <vector>

#include "lib/model/model.h"

namespace pthview {

// A node of the graph, or a group.
struct FoldedItem {
  Index node = kNone;   // into Graph::nodes; or
  Index group = kNone;  // into FoldedGraph::groups, behind the group that it is in
};

struct FoldedGroup {
  Index module = kNone;  // into Model::modules; kNone: the graph itself
  uint32_t call = 0;     // Node::call of its nodes, where the module is the innermost one
  Index parent = kNone;  // into FoldedGraph::groups
  std::vector<FoldedItem> items;
  std::vector<Index> inputs;   // values that it takes from around it, weights and absent ones aside, in order of use
  std::vector<Index> outputs;  // values that it makes and that are used around it
};

struct FoldedGraph {
  std::vector<FoldedGroup> groups;  // the first is the graph itself
};

// Values that the bodies of a node take from the graph around them, by node; each once. Linear.
std::vector<std::vector<Index>> CapturedValues(const Model& model, const Graph& graph);

// Groups that hold a single node are dissolved: the node says itself which module it is of. Linear in the graph times
// the depth of its modules (64 at most; what is deeper stays in the group above).
FoldedGraph FoldByModule(const Model& model, const Graph& graph);

}  // namespace pthview
