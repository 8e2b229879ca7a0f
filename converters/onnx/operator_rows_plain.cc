#include <algorithm>
#include <vector>

#include "converters/onnx/operator_rows.h"

namespace pthview {
namespace {

bool MaxPool(Layer& layer) {
  const size_t count = layer.Dimensions();
  if (count == 0 || !layer.Ints("kernel_size", count)) return false;
  layer.CopyInts("kernel_shape", "kernel_size", count);
  layer.CopyInts("strides", "stride", count);
  layer.CopyPads(count);
  layer.CopyInts("dilations", "dilation", count);
  layer.CopyInt("ceil_mode", "ceil_mode");
  return true;
}

bool AveragePool(Layer& layer) {
  const size_t count = layer.Dimensions();
  if (count == 0 || !layer.Ints("kernel_size", count)) return false;
  if (layer.Has("divisor_override") && !layer.IsNone("divisor_override")) return false;
  layer.CopyInts("kernel_shape", "kernel_size", count);
  layer.CopyInts("strides", "stride", count);
  layer.CopyPads(count);
  layer.CopyInt("ceil_mode", "ceil_mode");
  layer.CopyInt("count_include_pad", "count_include_pad");
  return true;
}

bool GlobalPool(Layer& layer) {
  auto size = layer.Ints("output_size", 0);
  return size && std::all_of(size->begin(), size->end(), [](int64_t one) { return one == 1; });
}

bool Flatten(Layer& layer) {
  auto start = layer.Int("start_dim");
  auto end = layer.Int("end_dim");
  if (start != 1 || end != -1) return false;
  layer.SetInt("axis", 1);
  return true;
}

bool Dropout(Layer& layer) {
  if (auto p = layer.Float("p")) layer.AddConstant("ratio", *p);
  return true;
}

bool Softmax(Layer& layer) {
  layer.CopyInt("axis", "dim");
  return true;
}

bool Softmax2d(Layer& layer) {
  layer.SetInt("axis", -3);
  return true;
}

bool Alpha(Layer& layer) {
  layer.CopyFloat("alpha", "alpha");
  return true;
}

bool LeakyRelu(Layer& layer) {
  layer.CopyFloat("alpha", "negative_slope");
  return true;
}

bool Gelu(Layer& layer) {
  std::string_view text = layer.Text("approximate");
  if (text.empty()) layer.Unknown("approximate");
  if (!text.empty()) layer.SetText("approximate", text);
  return true;
}

bool HardSigmoid(Layer& layer) {
  layer.SetFloat("alpha", 1.0F / 6);
  layer.SetFloat("beta", 0.5F);
  return true;
}

bool Softplus(Layer& layer) { return layer.Float("beta") == 1.0F; }

bool ThresholdedRelu(Layer& layer) {
  layer.CopyFloat("alpha", "threshold");
  return layer.Float("value") == 0.0F;
}

bool Shrink(Layer& layer) {
  auto lambd = layer.Float("lambd");
  if (!lambd) return false;
  layer.SetFloat("lambd", *lambd);
  layer.SetFloat("bias", layer.class_name() == "Softshrink" ? *lambd : 0);
  return true;
}

bool Clip(Layer& layer) {
  const bool six = layer.class_name() == "ReLU6";
  auto low = six ? 0 : layer.Float("min_val");
  auto high = six ? 6 : layer.Float("max_val");
  if (!low || !high) return false;
  layer.AddConstant("min", *low);
  layer.AddConstant("max", *high);
  return true;
}

bool ResponseNorm(Layer& layer) {
  auto size = layer.Int("size");
  if (!size) return false;
  layer.SetInt("size", *size);
  layer.CopyFloat("alpha", "alpha");
  layer.CopyFloat("beta", "beta");
  layer.CopyFloat("bias", "k");
  return true;
}

bool DepthToSpace(Layer& layer) {
  auto factor = layer.Int("upscale_factor");
  if (!factor) return false;
  layer.SetInt("blocksize", *factor);
  layer.SetText("mode", "CRD");
  return true;
}

// 2 for "(2, 2)"; 0 for a number alone.
size_t ItemsIn(std::string_view text) {
  if (!text.starts_with('(')) return 0;
  return static_cast<size_t>(std::count(text.begin(), text.end(), ',')) + (text.ends_with(",)") ? 0 : 1);
}

// Where the number of dimensions is known: "nearest" alone takes images of any.
bool Resize(Layer& layer) {
  std::string_view mode = layer.Text("mode");
  const bool size = layer.Has("size") && !layer.IsNone("size");
  std::string_view given = size ? "size" : "scale_factor";
  const bool nearest = mode == "nearest";
  size_t count = mode == "linear" ? 1 : mode == "bilinear" || mode == "bicubic" ? 2 : mode == "trilinear" ? 3 : 0;
  if (nearest) count = layer.Dimensions();
  if (nearest && count == 0) count = ItemsIn(layer.Text(given));
  if (count == 0 || count > 3) return false;
  std::vector<int64_t> axes(count);
  for (size_t i = 0; i < count; ++i) axes[i] = static_cast<int64_t>(i) + 2;
  layer.AddAbsent();
  if (size) {
    auto sizes = layer.Ints("size", count);
    if (!sizes) return false;
    layer.AddAbsent();
    layer.AddConstant("sizes", *sizes);
  } else {
    auto scales = layer.Floats("scale_factor", count);
    if (!scales) return false;
    layer.AddConstant("scales", *scales);
  }
  layer.SetInts("axes", axes);
  layer.SetText("mode", nearest ? "nearest" : mode == "bicubic" ? "cubic" : "linear");
  layer.SetText("coordinate_transformation_mode", nearest                                       ? "asymmetric"
                                                  : layer.Int("align_corners").value_or(0) == 1 ? "align_corners"
                                                                                                : "half_pixel");
  if (nearest) layer.SetText("nearest_mode", "floor");
  if (mode == "bicubic") layer.SetFloat("cubic_coeff_a", -0.75F);
  return true;
}

// torch counts from the last dimension: left, right, top, bottom, front, back.
bool Pad(Layer& layer) {
  const size_t count = layer.Dimensions();
  auto padding = layer.Ints("padding", 2 * count);
  if (count == 0 || !padding) return false;
  std::string_view name = layer.class_name();
  const bool constant = name.starts_with("Constant") || name.starts_with("Zero");
  auto value = name.starts_with("Zero") ? 0 : layer.Float("value");
  if (constant && !value) return false;
  layer.SetText("mode", constant                          ? "constant"
                        : name.starts_with("Reflection")  ? "reflect"
                        : name.starts_with("Replication") ? "edge"
                                                          : "wrap");
  std::vector<int64_t> pads(2 * count);
  std::vector<int64_t> axes(count);
  for (size_t i = 0; i < count; ++i) {
    pads[i] = (*padding)[2 * i];
    pads[count + i] = (*padding)[2 * i + 1];
    axes[i] = -static_cast<int64_t>(i) - 1;
  }
  layer.AddConstant("pads", pads);
  if (constant) {
    layer.AddConstant("constant_value", *value);
  } else {
    layer.AddAbsent();
  }
  layer.AddConstant("axes", axes);
  return true;
}

constexpr OperatorRow kRows[] = {
    {"MaxPool1d MaxPool2d MaxPool3d", "MaxPool", 12, "x", Rank::kAsInput, MaxPool},
    {"AvgPool1d AvgPool2d AvgPool3d", "AveragePool", 19, "x", Rank::kAsInput, AveragePool},
    {"AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d", "GlobalAveragePool", 1, "x", Rank::kAsInput, GlobalPool},
    {"AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d", "GlobalMaxPool", 1, "x", Rank::kAsInput, GlobalPool},
    {"Flatten", "Flatten", 13, "x", Rank::kTwo, Flatten},
    {"Identity", "Identity", 14},
    {"Dropout Dropout1d Dropout2d Dropout3d", "Dropout", 13, "x", Rank::kAsInput, Dropout},
    {"LocalResponseNorm CrossMapLRN2d", "LRN", 13, "x", Rank::kAsInput, ResponseNorm},
    {"Upsample UpsamplingBilinear2d UpsamplingNearest2d", "Resize", 19, "x", Rank::kAsInput, Resize},
    {"PixelShuffle", "DepthToSpace", 13, "x", Rank::kAsInput, DepthToSpace},
    {"ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d "
     "ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d CircularPad1d CircularPad2d CircularPad3d",
     "Pad", 19, "x", Rank::kAsInput, Pad},

    {"ReLU", "Relu", 14},
    {"ReLU6 Hardtanh", "Clip", 13, "x", Rank::kAsInput, Clip},
    {"LeakyReLU", "LeakyRelu", 16, "x", Rank::kAsInput, LeakyRelu},
    {"ELU", "Elu", 6, "x", Rank::kAsInput, Alpha},
    {"CELU", "Celu", 12, "x", Rank::kAsInput, Alpha},
    {"SELU", "Selu", 6},
    {"GELU", "Gelu", 20, "x", Rank::kAsInput, Gelu},
    {"SiLU", "Swish", 24},
    {"Mish", "Mish", 18},
    {"Sigmoid", "Sigmoid", 13},
    {"Tanh", "Tanh", 13},
    {"Softplus", "Softplus", 1, "x", Rank::kAsInput, Softplus},
    {"Softsign", "Softsign", 1},
    {"Hardswish", "HardSwish", 14},
    {"Hardsigmoid", "HardSigmoid", 6, "x", Rank::kAsInput, HardSigmoid},
    {"Hardshrink Softshrink", "Shrink", 9, "x", Rank::kAsInput, Shrink},
    {"Threshold", "ThresholdedRelu", 10, "x", Rank::kAsInput, ThresholdedRelu},
    {"Softmax", "Softmax", 13, "x", Rank::kAsInput, Softmax},
    {"Softmax2d", "Softmax", 13, "x", Rank::kAsInput, Softmax2d},
    {"LogSoftmax", "LogSoftmax", 13, "x", Rank::kAsInput, Softmax},
};

}  // namespace

std::span<const OperatorRow> PlainRows() { return kRows; }

}  // namespace pthview
