// The module tree that tensor names spell out: "layer1.0.conv1.weight" is tensor "weight" of module "layer1.0.conv1".
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

// The tensors of each part, in the file's order: one vector for each row of Model::parts.
std::vector<std::vector<Index>> TensorsByPart(const Model& model);

// A tensor's name inside its part. This is its name, except where names of several parts collided and the name is the
// path: then what follows the part's own path. A key that is no dotted name stands in a path as `["down-1.weight"]`;
// its brackets and quotes are no part of the name here, so that its dots spell modules as those of any other name do.
std::string_view NameInPart(const Model& model, const Tensor& tensor);

// Adds the Module rows of one part, sets its root, and puts each tensor into its module. Parents come before children,
// in order of appearance. Takes time linear in the names' bytes, without recursion.
//
// A name of n bytes may hold n dots, and a Module row is far larger than a byte: past a number of modules that no real
// file comes near, new names are no longer split, and a finding says so.
void BuildModuleTree(Model& model, Index part, std::span<const Index> tensors);

}  // namespace pthview
