#include "lib/analysis/structure/layer_width.h"

#include <array>
#include <charconv>
#include <string_view>

#include "lib/analysis/structure/module_tree.h"

namespace pthview {
namespace {

std::string_view LastStep(std::string_view name) { return name.substr(name.rfind('.') + 1); }

// A whole number among a layer's attributes; 0 where there is none.
int64_t Number(const Module& layer, std::string_view name) {
  for (const Attribute& attribute : layer.attributes) {
    if (attribute.name != name) continue;
    std::string_view text = attribute.text;
    if (text.starts_with('(')) text.remove_prefix(1);
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool whole = end == text.data() + text.size() || *end == ')' || *end == ',';
    return error == std::errc() && number > 0 && whole ? number : 0;
  }
  return 0;
}

const Tensor* Weight(const Model& model, const Module& layer) {
  for (Index tensor : layer.tensors) {
    std::string_view name = LastStep(NameInPart(model, model.tensors[tensor]));
    if (name == "weight" || name == "weight_v" || name == "weight_orig") return &model.tensors[tensor];
  }
  return nullptr;
}

const Tensor* Bias(const Model& model, const Module& layer) {
  for (Index tensor : layer.tensors) {
    if (LastStep(NameInPart(model, model.tensors[tensor])) == "bias") return &model.tensors[tensor];
  }
  return nullptr;
}

struct AttributePair {
  LayerKind kind;
  std::string_view in;
  std::string_view out;
};
constexpr auto kPairs = std::to_array<AttributePair>({
    {LayerKind::kLinear, "in_features", "out_features"},
    {LayerKind::kConvolution, "in_channels", "out_channels"},
    {LayerKind::kNorm, "num_features", "num_features"},
    {LayerKind::kNorm, "num_channels", "num_channels"},
    {LayerKind::kNorm, "normalized_shape", "normalized_shape"},
    {LayerKind::kOther, "embed_dim", "embed_dim"},
    {LayerKind::kEmbedding, "", "embedding_dim"},
});

// Layers without tensors that leave the width as it is.
constexpr auto kPassing = std::to_array<std::string_view>({"ReLU",
                                                           "ReLU6",
                                                           "LeakyReLU",
                                                           "GELU",
                                                           "SiLU",
                                                           "Hardswish",
                                                           "Hardsigmoid",
                                                           "Sigmoid",
                                                           "Tanh",
                                                           "ELU",
                                                           "Mish",
                                                           "Identity",
                                                           "Dropout",
                                                           "Dropout1d",
                                                           "Dropout2d",
                                                           "MaxPool1d",
                                                           "MaxPool2d",
                                                           "AvgPool2d",
                                                           "AdaptiveAvgPool2d",
                                                           "Upsample",
                                                           "DropPath",
                                                           "Softmax",
                                                           "AdaptiveAvgPool1d",
                                                           "Flatten",
                                                           "StochasticDepth"});

bool Starts(std::string_view text, std::string_view with) { return text.starts_with(with); }

void Convolution(const Tensor& weight, const Tensor* bias, std::string_view name, LayerWidth& width) {
  int64_t rows = weight.shape[0];
  int64_t columns = weight.shape[1];
  width.kind = LayerKind::kConvolution;
  if (Starts(name, "ConvTranspose")) {
    width.in.size = rows;
    width.out.size = bias != nullptr && bias->shape.size() == 1 ? bias->shape[0] : columns;
  } else {
    // Groups: as wide out as in. One column: depthwise, or of images of one channel.
    bool depthwise = columns == 1 && rows > 1;
    width.in = depthwise ? Width{rows, 1} : Width{columns, columns > 0 && rows % columns == 0 ? rows : 0};
    width.out.size = rows;
    // A kernel of even size is that of an upsampling, whose in and out stand the other way round.
    bool even = weight.shape[2] % 2 == 0 && weight.shape[2] > 0;
    width.swappable = even && rows != columns && !depthwise &&
                      (bias == nullptr || (bias->shape.size() == 1 && bias->shape[0] == columns));
  }
  width.out.image = true;
}

}  // namespace

std::optional<Width> Unify(Width a, Width b) {
  if (a.size == 0) return b;
  if (b.size == 0) return a;
  bool image = a.image || b.image;
  if (a.size == b.size) return Width{a.size, a.other == b.other ? a.other : 0, image};
  if (a.size == b.other || (a.other != 0 && a.other == b.other)) return Width{b.other, 0, image};
  if (b.size == a.other) return Width{a.other, 0, image};
  return std::nullopt;
}

LayerWidth WidthOf(const Model& model, const Module& layer) {
  LayerWidth width;
  std::string_view name = LastStep(layer.class_name);
  const Tensor* weight = Weight(model, layer);
  if (int64_t input = Number(layer, "input_size"); input > 0) {  // LSTM, GRU, RNN
    bool both = false;
    for (const Attribute& attribute : layer.attributes)
      both |= attribute.name == "bidirectional" && attribute.text == "True";
    int64_t hidden = Number(layer, "proj_size") > 0 ? Number(layer, "proj_size") : Number(layer, "hidden_size");
    width.in.size = input;
    width.out.size = both ? 2 * hidden : hidden;
    return width;
  }
  if (weight != nullptr && weight->shape.size() >= 3 && weight->shape.size() <= 5 && name.find("Norm") == name.npos) {
    Convolution(*weight, Bias(model, layer), name, width);
    int64_t groups = Number(layer, "groups");
    if (groups > 0 && layer.origin == Origin::kRecorded) width.in = {Number(layer, "in_channels")};
    return width;
  }
  if (weight != nullptr && weight->shape.size() == 1) {
    width.kind = LayerKind::kNorm;
    width.in.size = width.out.size = weight->shape[0];
    if (weight->shape[0] == 1) width = {LayerKind::kPass, {}, {}, false};  // PReLU's one slope
    return width;
  }
  for (const AttributePair& pair : kPairs) {
    if (pair.kind == LayerKind::kConvolution && weight == nullptr) continue;
    int64_t out = Number(layer, pair.out);
    if (out == 0) continue;
    width.kind = pair.kind;
    width.out.size = out;
    if (!pair.in.empty()) width.in.size = Number(layer, pair.in);
    return width;
  }
  if (weight != nullptr && weight->shape.size() == 2) {
    width.kind = LayerKind::kLinear;
    width.in.size = weight->shape[1];
    width.out.size = weight->shape[0];
    return width;
  }
  if (layer.tensors.empty()) {
    for (std::string_view passing : kPassing) {
      if (name == passing) width.kind = LayerKind::kPass;
    }
  }
  return width;
}

std::optional<Width> Through(const LayerWidth& layer, Width in) {
  if (layer.kind == LayerKind::kPass) return in;
  if (layer.in.size == 0 || in.size == 0) return layer.out;
  if (Unify(layer.in, in)) {
    Width out = layer.out;
    if (layer.kind == LayerKind::kNorm) out.image = in.image;
    return out;
  }
  if (layer.kind == LayerKind::kLinear && in.image && layer.in.size % in.size == 0) return layer.out;
  if (layer.swappable && layer.out.size == in.size) return Width{layer.in.size, 0, true};
  return std::nullopt;
}

}  // namespace pthview
