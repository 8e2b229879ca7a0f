// What stands in NodeProto.metadata_props beside the operator.
//
//   pkg.torch.onnx.name_scopes      ['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv1']
//   pkg.torch.onnx.class_hierarchy  ['torchvision.models.resnet.ResNet', ..., 'torch.nn.modules.conv.Conv2d', 'Conv']
//   input_names                     ['input', 'weight', 'bias']
//
// The first two as torch.onnx's exporter writes them: the paths and classes of the modules around the node, from the
// root on, and the node itself behind them; '' is a class that is not known. The third is what viewers call the inputs
// of an operator by that they do not know. All are lists as Python prints them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/model/model.h"
#include "pthview_onnx.pb.h"

namespace pthview {

// Nothing when `value` is empty.
void SetProperty(pthview_onnx::NodeProto& proto, std::string_view key, std::string value);

// `module` is the innermost one around the node; `op` what the node is. Nothing for nodes deeper than any real one,
// whose paths would take more than the weights.
void SetScopes(const Model& model, Index module, std::string_view op, pthview_onnx::NodeProto& proto);

void SetInputNames(const std::vector<std::string>& names, pthview_onnx::NodeProto& proto);

// As Python's repr prints a list of str. The items are valid UTF-8.
std::string PythonList(const std::vector<std::string>& items);

}  // namespace pthview
