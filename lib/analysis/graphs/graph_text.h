// A graph as text, in the manner of torch's:
//
//   graph forward(%x : float32[1, 3, 8, 8]):
//     %conv2d : float32[1, 4, 6, 6] = aten::conv2d.default(input=%x, weight=@conv.weight, stride=[2, 2])  # conv,
//     a.py:9 return (%conv2d)
//
// `%` names values of the graph, `@` weights by their own names. Bodies of a node stand below it, indented.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/model/model.h"

namespace pthview {

// Safe for a terminal. Calls `write` with a line at a time.
void WriteGraphText(const Model& model, const Graph& graph, const std::function<void(std::string_view)>& write);

// The arguments of a node as they stand in its call, inputs and attributes in the operator's order where that is known:
// "input=%x, weight=@conv.weight, stride=[2, 2]".
std::string ArgumentsText(const Model& model, const Graph& graph, const Node& node);

}  // namespace pthview
