#include <limits>
#include <utility>
#include <vector>

#include "converters/onnx/operator_rows.h"

namespace pthview {
namespace {

// An image of `count` dimensions with so many channels.
void TakesImage(Layer& layer, int64_t channels, size_t count) {
  std::vector<int64_t> shape(count + 2, kOneDim);
  shape[1] = channels;
  layer.Takes(std::move(shape));
}

bool Convolution(Layer& layer) {
  std::span<const int64_t> weight = layer.WeightShape();
  if (weight.size() < 3 || (layer.Has("padding_mode") && layer.Text("padding_mode") != "zeros")) return false;
  const size_t count = weight.size() - 2;
  layer.SetInts("kernel_shape", weight.subspan(2));
  layer.CopyInts("strides", "stride", count);
  layer.CopyPads(count);
  layer.CopyInts("dilations", "dilation", count);
  layer.CopyInt("group", "groups");
  TakesImage(layer, layer.Int("groups") == 1 ? weight[1] : kOneDim, count);
  return true;
}

bool TransposedConvolution(Layer& layer) {
  if (!Convolution(layer)) return false;
  std::span<const int64_t> weight = layer.WeightShape();
  layer.CopyInts("output_padding", "output_padding", weight.size() - 2);
  TakesImage(layer, weight[0], weight.size() - 2);
  return true;
}

// Linear's weight is [out, in]: Gemm turns it. GPT-2's Conv1D has [in, out].
bool TurnedMatrix(Layer& layer) {
  std::span<const int64_t> weight = layer.WeightShape();
  if (weight.size() != 2) return false;
  layer.SetInt("transB", 1);
  layer.Takes({kAnyDims, weight[1]});
  return true;
}

bool Matrix(Layer& layer) {
  std::span<const int64_t> weight = layer.WeightShape();
  if (weight.size() != 2) return false;
  layer.Takes({kAnyDims, weight[0]});
  return true;
}

// With max_norm it changes its weight.
bool Lookup(Layer& layer) { return !layer.Has("max_norm") || layer.IsNone("max_norm"); }

void TakesChannels(Layer& layer) {
  std::span<const int64_t> weight = layer.WeightShape();
  if (weight.empty()) weight = layer.ShapeOf("running_mean");
  const size_t count = layer.Dimensions();
  if (weight.size() != 1) return;
  if (count > 1) {
    TakesImage(layer, weight[0], count);
  } else {
    layer.Takes({kAnyDims, weight[0]});
  }
}

bool BatchNorm(Layer& layer) {
  TakesChannels(layer);
  layer.CopyFloat("epsilon", "eps");
  // torch's is the new value's share, ONNX's the old one's.
  if (auto momentum = layer.Float("momentum")) layer.SetFloat("momentum", 1 - *momentum);
  return true;
}

bool Epsilon(Layer& layer) {
  TakesChannels(layer);
  layer.CopyFloat("epsilon", "eps");
  return true;
}

bool LastDimensions(Layer& layer) {
  std::span<const int64_t> weight = layer.WeightShape();
  layer.SetInt("axis", -static_cast<int64_t>(weight.size()));
  std::vector<int64_t> shape = {kAnyDims};
  shape.insert(shape.end(), weight.begin(), weight.end());
  layer.Takes(std::move(shape));
  // RMSNorm's None is the smallest number that changes a 1 of the input's type.
  if (layer.IsNone("eps") && layer.WeightType() == DType::kFloat32) {
    layer.SetFloat("epsilon", std::numeric_limits<float>::epsilon());
  } else {
    layer.CopyFloat("epsilon", "eps");
  }
  return true;
}

// LayerNorm without weight and bias, over one dimension.
bool LastDimension(Layer& layer) {
  layer.SetInt("axis", -1);
  layer.CopyFloat("epsilon", "eps");
  return true;
}

bool GroupNorm(Layer& layer) {
  std::span<const int64_t> weight = layer.WeightShape();
  if (weight.size() != 1) return false;
  layer.Takes({kOneDim, weight[0], kAnyDims});
  layer.CopyFloat("epsilon", "eps");
  layer.CopyInt("num_groups", "num_groups");
  return layer.Int("num_groups").has_value();
}

constexpr OperatorRow kRows[] = {
    {"Conv1d Conv2d Conv3d", "Conv", 1, "x weight bias?", Rank::kAsWeight, Convolution},
    {"ConvTranspose1d ConvTranspose2d ConvTranspose3d", "ConvTranspose", 1, "x weight bias?", Rank::kAsWeight,
     TransposedConvolution},
    {"Linear NonDynamicallyQuantizableLinear", "Gemm", 13, "x weight bias?", Rank::kTwo, TurnedMatrix},
    {"Conv1D", "Gemm", 13, "x weight bias?", Rank::kTwo, Matrix, "transformers"},
    {"Embedding", "Gather", 13, "weight x", Rank::kOneMore, Lookup},
    {"BatchNorm BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm", "BatchNormalization", 15,
     "x weight bias running_mean running_var", Rank::kAsInput, BatchNorm},
    {"BatchNorm BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm", "BatchNormalization", 15,
     "x 1 0 running_mean running_var", Rank::kAsInput, BatchNorm},
    {"FrozenBatchNorm2d", "BatchNormalization", 15, "x weight bias running_mean running_var", Rank::kAsInput, Epsilon,
     "torchvision.ops"},
    {"InstanceNorm1d InstanceNorm2d InstanceNorm3d", "InstanceNormalization", 6, "x weight bias", Rank::kAsInput,
     Epsilon},
    {"InstanceNorm1d InstanceNorm2d InstanceNorm3d", "InstanceNormalization", 6, "x 1 0", Rank::kAsInput, Epsilon},
    {"LayerNorm", "LayerNormalization", 17, "x weight bias?", Rank::kAsInput, LastDimensions},
    {"LayerNorm", "LayerNormalization", 17, "x 1 0", Rank::kAsInput, LastDimension},
    {"RMSNorm", "RMSNormalization", 23, "x weight", Rank::kAsInput, LastDimensions},
    {"GroupNorm", "GroupNormalization", 21, "x weight bias", Rank::kAsInput, GroupNorm},
    {"PReLU", "PRelu", 16, "x weight"},
};

}  // namespace

std::span<const OperatorRow> WeightRows() { return kRows; }

}  // namespace pthview
