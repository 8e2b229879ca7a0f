// What kind of thing an operator is, for colours and for leaving out what only prepares others. The kinds are Netron's
// categories.
#pragma once

#include <string>
#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// "Layer", "Activation", "Normalization", "Pool", "Shape", "Tensor", "Transform", "Dropout", "Attention", "Constant",
// "Control"; empty: none of them. For operators of aten, prim, torch.nn and Python's _operator; a trailing '_' (in
// place) changes nothing.
std::string_view OperatorCategory(const Node& node);

// "aten::conv2d", "torch.nn::Conv2d", "_operator::add"; without the domain where there is none.
std::string OperatorName(const Node& node);

// Whether it only computes numbers from sizes of tensors and other numbers ("sym_size", "_operator.mul",
// "prim::ListConstruct").
bool ComputesSizes(const Node& node);

}  // namespace pthview
