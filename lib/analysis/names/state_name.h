// What people call a state of an optimizer, which files only number.
#pragma once

#include <string>
#include <vector>

#include "lib/model/model.h"

namespace pthview {

// "exp_avg of layer1.0.conv1.weight", where the state's parameter is known; else empty.
std::string StateName(const Model& model, const Tensor& tensor);

// The states that belong to a parameter, in the file's order (into Model::tensors).
std::vector<Index> StatesOf(const Model& model, Index parameter);

// "exp_avg": what a state is, without where it stands.
std::string_view StateKind(const Tensor& tensor);

}  // namespace pthview
