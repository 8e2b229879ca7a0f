// From a weight to the nodes of recorded graphs that use it, and from a module to its operators.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

struct WeightUse {
  Index graph = kNone;     // into Model::graphs
  Index node = kNone;      // into Graph::nodes
  Index argument = kNone;  // into Node::inputs
};

// Of the recorded graphs of a model, bodies too, which must not change meanwhile. Linear.
class WeightUses {
 public:
  explicit WeightUses(const Model& model);

  // Of a row of Model::tensors, in the order in which graphs and nodes stand. A graph speaks of a weight by the first
  // of its names; the uses are those of all that are the same tensor.
  std::span<const WeightUse> Of(Index tensor) const;
  bool any() const { return !uses_.empty(); }

 private:
  const Model& model_;
  std::vector<WeightUse> uses_;  // by tensor
  std::vector<size_t> first_;    // into uses_, by tensor; one more at the end
  Index NameOf(Index tensor) const;
};

// "conv2d (aten::conv2d, weight)"; with the graph's name where the model has several.
std::string UseText(const Model& model, const WeightUse& use);

// Nodes of recorded graphs, by module: those whose innermost module it is, bodies included.
std::vector<uint64_t> OperatorsOfModules(const Model& model);

}  // namespace pthview
