// Which of ONNX's operators a layer is: a table from torch's classes to them.
//
// Sources: ONNX's operator definitions (docs/Operators.md) and torch.nn's modules. A layer has no row, and stays a node
// of domain `pthview`, where ONNX has no operator for it, where the operator lays its weights out otherwise (LSTM, GRU,
// RNN), or where something that it cannot do without is not in the file (GroupNorm's num_groups).
#pragma once

#include <optional>

#include "converters/onnx/layer.h"

namespace pthview {

// The operator of a node of an inferred graph, as opset `opset` has it; nullopt: it stays in domain `pthview`.
std::optional<LayerOperator> OperatorOf(const Initializers& initializers, const Model& model, const Graph& graph,
                                        const Node& node, int opset);

}  // namespace pthview
