// What a file is, in one line for people.
#pragma once

#include <string>

#include "lib/model/model.h"

namespace pthview {

// "a whole model of class ResNet (torchvision.models.resnet)", "a state_dict", "a training checkpoint at epoch 30:
// model, optimizer and scheduler". Escaped form. Says what is inside, never what it is good for.
// `brief`: a checkpoint without its sections.
std::string WhatItIs(const Model& model, bool brief = false);

// "ResNet (torchvision.models.resnet)": a class with its module, without what TorchScript adds to names.
std::string ClassInWords(std::string_view class_name);

}  // namespace pthview
