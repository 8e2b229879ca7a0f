// Structure that a file does not record: module trees from names, what each leaf module is, and a graph in order of
// appearance. Everything here is inference, and each assumption becomes a finding.
#pragma once

#include <string>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

// For each part of kind model or ema without a root: builds the module tree from its tensors' names (split at '.'), in
// order of appearance, and infers the classes of its modules from the names and shapes of their tensors. Sets
// Part::prefix where all names of a part carry a wrapper's prefix. Adds Module rows and findings (one per kind of
// assumption and part); linear in the tensors. Idempotent. Parts whose module tree is recorded stay as they are, but
// for modules that C++ wrote: their classes are not recorded, and inferred in the same way.
void InferModules(Model& model);

// For each part of kind model or ema that has no graph: one of origin kInferred, flat, with a node for each layer in
// the file's order. Calls InferModules first. Adds one finding per part that says what arrows mean. Idempotent.
//
// An edge is there only with evidence (Argument::evidence); order in the file is none. Weights are values of their own,
// and arguments are named as the module names them ("weight", "out_proj.weight"). Node::name is the module's path,
// Node::op the last step of its class name, or "Module" where the class is unknown. Tensors that a container holds
// itself (cls_token) are nodes of op "Parameter" whose module is the container.
void InferGraphs(Model& model);

// What a module with these tensors is, from their names and shapes alone (also those one or two levels down where a
// kind of layer has such: "out_proj.weight", "lora_A.default.weight"). Exposed for tests and for converters.
struct LeafGuess {
  std::string class_name;             // "Conv2d", "bitsandbytes.Linear4bit"; empty: unknown
  std::vector<Attribute> attributes;  // in_channels, out_channels, kernel_size, ... all of origin kInferred
  std::string assumption;             // what was assumed beyond names and shapes; empty when nothing was
};
LeafGuess GuessLeaf(const Model& model, const Module& leaf);

}  // namespace pthview
