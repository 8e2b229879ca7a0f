// What flows between the layers of a part whose file records no graph: edges, each with what speaks for it.
#pragma once

#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

struct FlowNode {
  Index module = kNone;        // of Model::modules: a layer, or a module of which only is known what feeds it;
                               // of an operation the module whose forward it is part of; kNone: the part's input
  std::string_view operation;  // "~add"; empty: the module itself
};

struct FlowEdge {
  Index from = 0;  // into Flow::nodes; smaller than `to`
  Index to = 0;
  Index evidence = 0;   // into Flow::evidence
  bool memory = false;  // what an encoder hands to a decoder
};

struct Flow {
  std::vector<FlowNode> nodes;
  std::vector<FlowEdge> edges;  // those into one node stand together
  std::vector<Evidence> evidence;
  Index output = kNone;  // the node that makes what the part gives; kNone: not known
};

// Of the tree below `root`, a part's root. Time is linear in modules, for any names.
Flow InferFlow(const Model& model, Index root);

}  // namespace pthview
