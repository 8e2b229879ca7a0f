// What torch prints between the brackets of a module: `extra_repr()` of each class of torch.nn, as rows of a table.
//
// Source: the classes' `extra_repr` methods in torch/nn/modules of torch 2.13, and `__repr__` of those of
// torchvision.ops that have one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// The text as torch prints it, in escaped form; it may have several lines. For a module whose class is inferred, or
// comes from a TorchScript archive, what is not known is left out. nullopt: the class is not in the table, or an
// attribute is missing that torch would print.
std::optional<std::string> ExtraRepr(const Model& model, const Module& module);

// Whether the class is one of torch's own (also as TorchScript calls it, `__torch__.torch.nn.modules.conv.Conv2d`).
bool IsTorchClass(std::string_view class_name);

// "Conv2d" for "torch.nn.modules.conv.Conv2d": a class's name as torch prints it.
std::string_view PrintedClass(std::string_view class_name);

}  // namespace pthview
