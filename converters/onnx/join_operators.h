// The operations of several inputs that lie between layers ("~add", "~cat"), as ONNX's operators.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converters/onnx/layer.h"

namespace pthview {

// Along which dimension the channels or features of a value lie.
enum class Channels : uint8_t { kUnknown, kSecond, kLast };

// Of each value of an inferred graph, by the layers that make it or take it: convolutions have them in the second.
std::vector<Channels> ChannelsOf(const Graph& graph);

// nullopt: it stays in domain `pthview`, as ONNX has no such operator or opset `opset` has it not. `channels` is what
// ChannelsOf gave.
std::optional<LayerOperator> JoinOf(const Model& model, const Graph& graph, const Node& node,
                                    const std::vector<Channels>& channels, int opset);

// "Add" for "~add": how an operation is called that stays in domain `pthview`.
std::string OperationName(std::string_view operation);

}  // namespace pthview
