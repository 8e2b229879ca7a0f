// A module tree as `print(model)` writes it.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/model/model.h"
#include "tools/cli/console.h"

namespace pthview {

struct TreeOptions {
  size_t depth = SIZE_MAX;  // levels below the root that are unfolded
  bool counts = false;      // parameters of each module, and operators that a recorded graph has in it, behind '#'
  bool attributes = false;  // plain attributes of modules whose class is not known, behind '#'
  size_t width = SIZE_MAX;  // columns; longer lines are broken
};

// Parameters in each module and all below it, by module; tied ones at the first of their names.
std::vector<uint64_t> ParametersBelow(const Model& model);

// Nodes of recorded graphs in each module and all below it, by module; empty where the file records no graph.
std::vector<uint64_t> OperatorsBelow(const Model& model);

// Prints trees of a model: for modules of torch.nn to the byte what torch prints (given no counts and no width).
// Children of a ModuleList that print alike stand once, as `(0-11): 12 x`; so do those of a module without a class
// whose names are numbers. Linear in the modules.
class TreePrinter {
 public:
  TreePrinter(const Model& model, const TreeOptions& options);
  void Print(Output& out, Index root) const;
  // Parameters of each module and all below it, by module.
  const std::vector<uint64_t>& counts() const { return counts_; }

 private:
  class Tree;
  const Model& model_;
  TreeOptions options_;
  std::vector<uint64_t> counts_;
  std::vector<uint64_t> operators_;  // OperatorsBelow
  std::vector<uint32_t> looks_;  // by module; those that print alike have the same number
};

}  // namespace pthview
