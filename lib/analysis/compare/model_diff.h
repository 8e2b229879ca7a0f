// What two files differ by beside the values of their tensors: plain values, and architecture.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/analysis/compare/match.h"
#include "lib/model/model.h"

namespace pthview {

// One thing that is not the same; the side that lacks it is empty.
struct Change {
  std::string where;  // "epoch", "layer1.0.conv1"
  std::string what;   // "value", "class", "kernel_size", "shape", "dtype", "module", "kind"
  std::string before;
  std::string after;
  bool inferred = false;  // a class or attribute that names and shapes suggest, and no file records
};

// Plain values by path, those of parts by what follows the part's path where the parts are called otherwise.
std::vector<Change> MetadataChanges(const Model& a, const Model& b);

// Modules (added, removed, of another class, with other attributes), and shapes, dtypes and requires_grad of matched
// tensors. Modules are matched by path without their part's prefix.
std::vector<Change> ArchitectureChanges(const Model& a, const Model& b, const Matching& matching);

}  // namespace pthview
