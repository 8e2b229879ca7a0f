#include "converters/onnx/join_operators.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <span>
#include <string>

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
    {"~cat", 1, SIZE_MAX, "Concat", 13},
    {"~attention", 3, 3, "Attention", 23},  // query, key, value, in this order
});

// Settings by which modules around an attention tell the number of its heads: of queries, then of keys and values.
constexpr std::string_view kHeads[] = {"num_heads", "num_attention_heads", "n_heads", "n_head", "nhead", "heads"};
constexpr std::string_view kKeyHeads[] = {"num_key_value_heads", "num_kv_heads", "n_kv_heads", "n_kv_head"};
constexpr std::string_view kAttentionSettings[] = {"is_causal", "scale"};  // that no file tells

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

// The first of `names` that is a whole number among a module's settings.
std::optional<int64_t> Setting(const Module& module, std::span<const std::string_view> names) {
  for (std::string_view name : names) {
    for (const Attribute& attribute : module.attributes) {
      int64_t value = 0;
      const char* end = attribute.text.data() + attribute.text.size();
      if (attribute.name == name && std::from_chars(attribute.text.data(), end, value).ptr == end && value > 0) {
        return value;
      }
    }
  }
  return std::nullopt;
}

void SetInt(LayerOperator& made, std::string_view name, int64_t value) {
  auto& attribute = made.attributes.emplace_back();
  attribute.set_name(std::string(name));
  attribute.set_type(pthview_onnx::AttributeProto::INT);
  attribute.set_i(value);
}

// Query, key and value. The operator cannot be without the number of heads, and a whole model alone may tell it.
bool Attention(const Model& model, const Node& node, LayerOperator& made) {
  for (size_t i = 1; i < made.inputs.size(); ++i) {  // each is a third of one value
    if (made.inputs[i].value == made.inputs[i - 1].value) return false;
  }
  if (node.module == kNone) return false;
  const Module& module = model.modules[node.module];
  auto heads = Setting(module, kHeads);
  if (!heads) return false;
  SetInt(made, "q_num_heads", *heads);
  SetInt(made, "kv_num_heads", Setting(module, kKeyHeads).value_or(*heads));
  made.unknown.assign(std::begin(kAttentionSettings), std::end(kAttentionSettings));
  return true;
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

std::optional<LayerOperator> JoinOf(const Model& model, const Graph& graph, const Node& node,
                                    const std::vector<Channels>& channels, int opset) {
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
    SetInt(made, "axis", along == Channels::kSecond ? 1 : -1);
    if (made.inputs.size() == 1) made.unknown.emplace_back("inputs");
  }
  if (row->op == "Attention" && !Attention(model, node, made)) return std::nullopt;
  return made;
}

std::string OperationName(std::string_view operation) {
  std::string name(operation.starts_with('~') ? operation.substr(1) : operation);
  if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

}  // namespace pthview
