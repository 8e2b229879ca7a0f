#include "converters/onnx/join_operators.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace pthview {
namespace {

struct Row {
  std::string_view operation;
  size_t fewest;
  size_t most;
  std::string_view op;
  int since;
};
constexpr auto kRows = std::to_array<Row>({
    {"~add", 2, 2, "Add", 14},
    {"~add", 3, SIZE_MAX, "Sum", 13},
    {"~mul", 2, 2, "Mul", 14},
    {"~cat", 2, SIZE_MAX, "Concat", 13},
    {"~attention", 3, 3, "Attention", 23},  // query, key, value, in this order
});

// Attention's other settings are never in a file.
constexpr std::string_view kAttentionSettings[] = {"is_causal", "scale", "q_num_heads", "kv_num_heads"};

struct ChannelRow {
  std::string_view begin;  // of the layer's class
  Channels channels;
};
constexpr auto kChannelRows = std::to_array<ChannelRow>({
    {"ConvTranspose", Channels::kSecond},
    {"Conv1D", Channels::kLast},
    {"Conv", Channels::kSecond},
    {"BatchNorm", Channels::kSecond},
    {"GroupNorm", Channels::kSecond},
    {"MaxPool", Channels::kSecond},
    {"AvgPool", Channels::kSecond},
    {"Linear", Channels::kLast},
    {"LayerNorm", Channels::kLast},
    {"LSTM", Channels::kLast},
});

Channels OfLayer(std::string_view class_name) {
  for (const ChannelRow& row : kChannelRows) {
    if (class_name.starts_with(row.begin)) return row.channels;
  }
  return Channels::kUnknown;
}

}  // namespace

std::vector<Channels> ChannelsOf(const Graph& graph) {
  std::vector<Channels> of(graph.values.size(), Channels::kUnknown);
  for (const Node& node : graph.nodes) {
    Channels channels = OfLayer(node.op);
    const bool layer = channels != Channels::kUnknown;
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) {
        if (graph.values[value].tensor != kNone) continue;
        if (!layer && channels == Channels::kUnknown) channels = of[value];
        if (layer && of[value] == Channels::kUnknown) of[value] = channels;
      }
    }
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) of[value] = channels;
    }
  }
  return of;
}

std::optional<LayerOperator> JoinOf(const Graph& graph, const Node& node, const std::vector<Channels>& channels,
                                    int opset) {
  LayerOperator made;
  Channels along = Channels::kUnknown;
  for (const Argument& argument : node.inputs) {
    for (Index value : argument.values) {
      if (graph.values[value].tensor != kNone) return std::nullopt;
      made.inputs.push_back(
          {.kind = OperatorInput::Kind::kData, .value = value, .initializer = {}, .name = {}, .constant = {}});
      if (along == Channels::kUnknown) along = channels[value];
    }
  }
  for (const Argument& argument : node.outputs) {
    for (Index value : argument.values) {
      if (along == Channels::kUnknown) along = channels[value];
    }
  }
  const auto* row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& one) {
    return one.operation == node.op && made.inputs.size() >= one.fewest && made.inputs.size() <= one.most;
  });
  if (row == kRows.end() || row->since > opset) return std::nullopt;
  made.op = row->op;
  made.since = row->since;
  if (row->op == "Concat") {
    if (along == Channels::kUnknown) return std::nullopt;  // it needs an axis
    auto& axis = made.attributes.emplace_back();
    axis.set_name("axis");
    axis.set_type(pthview_onnx::AttributeProto::INT);
    axis.set_i(along == Channels::kSecond ? 1 : -1);
  }
  if (row->op == "Attention") {
    for (size_t i = 1; i < made.inputs.size(); ++i) {  // each is a third of one value
      if (made.inputs[i].value == made.inputs[i - 1].value) return std::nullopt;
    }
    made.unknown.assign(std::begin(kAttentionSettings), std::end(kAttentionSettings));
  }
  return made;
}

std::string OperationName(std::string_view operation) {
  std::string name(operation.starts_with('~') ? operation.substr(1) : operation);
  if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

}  // namespace pthview
