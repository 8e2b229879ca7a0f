#include <algorithm>
#include <array>

#include "lib/analysis/structure/leaf_rules.h"

namespace pthview {
namespace {

using enum LeafName;

constexpr std::string_view kConvolutionUnknown =
    "stride, padding, dilation and groups are not in the file, and in_channels is that of one group";
constexpr std::string_view kMaybeTransposed =
    "; it may be a transposed convolution, which would swap in_channels and out_channels";

std::string DimensionSuffix(size_t rank) { return std::to_string(rank - 2) + "d"; }

// Weight of Conv{1,2,3}d: [out_channels, in_channels / groups, kernel...];
// of ConvTranspose{1,2,3}d: [in_channels, out_channels / groups, kernel...]. The bias has out_channels.
bool DescribeConvolution(const LeafTensors& leaf, LeafGuess& guess) {
  std::span<const int64_t> weight = leaf.Shape(kWeight);
  if (weight.size() < 3 || weight.size() > 5) return false;
  if (leaf.Has(kBias) && leaf.Rank(kBias) != 1) return false;
  bool has_bias = leaf.Has(kBias);
  int64_t bias = leaf.Dim(kBias, 0);
  bool may_be_plain = !has_bias || bias == weight[0];
  bool may_be_transposed = !has_bias || (weight[1] > 0 && bias > 0 && bias % weight[1] == 0);
  bool named_transposed =
      leaf.NameContains({"deconv", "convtranspose", "conv_transpose", "transposed", "conv_t", "upconv"});
  if (!may_be_plain && !may_be_transposed) return false;
  bool transposed = !may_be_plain || (may_be_transposed && named_transposed);
  guess.assumption = kConvolutionUnknown;
  if (transposed) {
    guess.class_name = "ConvTranspose" + DimensionSuffix(weight.size());
    Note(guess, "in_channels", weight[0]);
    if (has_bias) {
      Note(guess, "out_channels", bias);
      if (bias != weight[1]) Note(guess, "groups", bias / weight[1]);
    } else {
      Note(guess, "out_channels", std::to_string(weight[1]) + " per group");
    }
    guess.assumption = "stride, padding and dilation are not in the file";
    if (may_be_plain) guess.assumption += "; that it is transposed is taken from its name";
  } else {
    guess.class_name = "Conv" + DimensionSuffix(weight.size());
    Note(guess, "in_channels", std::to_string(weight[1]) + " per group");
    Note(guess, "out_channels", weight[0]);
    // With groups the bias of a transposed one would be a multiple of weight[1]; equal lengths are the common case.
    if (!has_bias || bias == weight[1]) guess.assumption += kMaybeTransposed;
  }
  Note(guess, "kernel_size", TupleText(weight.subspan(2)));
  if (!transposed && weight[1] == 1 && weight[0] > 1) {
    Note(guess, "groups", "1, or " + std::to_string(weight[0]) + " if depthwise");
  }
  NoteBias(guess, has_bias);
  return true;
}

bool DescribeLinear(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Rank(kWeight) != 2 || leaf.Rank(kBias) != 1) return false;
  int64_t rows = leaf.Dim(kWeight, 0);
  int64_t columns = leaf.Dim(kWeight, 1);
  int64_t bias = leaf.Dim(kBias, 0);
  if (bias != rows && bias != columns) return false;
  bool transposed = bias != rows;
  guess.class_name = transposed ? "transformers.Conv1D" : "Linear";
  if (transposed)
    guess.assumption = "the weight is taken as (in, out), as GPT-2's Conv1D has it, because of the bias's length";
  Note(guess, "in_features", transposed ? rows : columns);
  Note(guess, "out_features", bias);
  return true;
}

bool DescribeMatrix(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Rank(kWeight) != 2) return false;
  if (leaf.NameContains({"emb", "token", "wte", "wpe", "shared", "lookup"}) &&
      !leaf.NameContains({"proj", "out", "linear", "head", "fc"})) {
    guess.class_name = "Embedding";
    guess.assumption = "the names say embedding; a Linear without bias has the same tensors";
    Note(guess, "num_embeddings", leaf.Dim(kWeight, 0));
    Note(guess, "embedding_dim", leaf.Dim(kWeight, 1));
    return true;
  }
  guess.class_name = "Linear";
  guess.assumption = "a weight of two dimensions without bias may be an Embedding too";
  Note(guess, "in_features", leaf.Dim(kWeight, 1));
  Note(guess, "out_features", leaf.Dim(kWeight, 0));
  NoteBias(guess, false);
  return true;
}

bool DescribeBatchNorm(const LeafTensors& leaf, LeafGuess& guess) {
  int64_t features = leaf.Dim(kRunningMean, 0);
  for (LeafName name : {kRunningMean, kRunningVar, kWeight, kBias}) {
    if (leaf.Has(name) && (leaf.Rank(name) != 1 || leaf.Dim(name, 0) != features)) return false;
  }
  if (leaf.Has(kWeight) != leaf.Has(kBias)) return false;
  guess.class_name = "BatchNorm";
  if (leaf.Has(kScale)) {  // of its output, as in all of torch's quantized layers
    guess.class_name = "torch.ao.nn.quantized.BatchNorm";
    guess.assumption = "2d or 3d cannot be told";
  }
  Note(guess, "num_features", features);
  if (!leaf.Has(kWeight)) Note(guess, "affine", "False");
  return true;
}

// A vector of weights and one of biases: which normalization it is only the name can tell.
bool DescribeNorm(const LeafTensors& leaf, LeafGuess& guess) {
  std::span<const int64_t> weight = leaf.Shape(kWeight);
  std::span<const int64_t> bias = leaf.Shape(kBias);
  if (weight.empty() || !std::equal(weight.begin(), weight.end(), bias.begin(), bias.end())) return false;
  if (leaf.NameHasWord({"gn"}) || leaf.NameContains({"groupnorm", "group_norm"})) {
    if (weight.size() != 1) return false;
    guess.class_name = "GroupNorm";
    guess.assumption = "taken from the names; num_groups is not in the file";
    Note(guess, "num_channels", weight[0]);
    return true;
  }
  if (leaf.NameHasWord({"ln"}) || leaf.NameContains({"layernorm", "layer_norm"})) {
    guess.class_name = "LayerNorm";
    guess.assumption = "taken from the names; a GroupNorm has the same tensors";
    Note(guess, "normalized_shape", TupleText(weight));
    return true;
  }
  if (weight.size() != 1) return false;
  guess.assumption =
      "LayerNorm or GroupNorm: both have a weight and a bias of one dimension, and the names do not tell";
  return true;
}

bool DescribeVector(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Rank(kWeight) != 1) return false;
  if (leaf.NameContains({"norm"}) || leaf.NameHasWord({"ln", "rms"})) {
    guess.class_name = "RMSNorm";
    guess.assumption = "taken from the names; a LayerNorm without bias has the same tensors";
    Note(guess, "normalized_shape", TupleText(leaf.Shape(kWeight)));
    return true;
  }
  if (leaf.NameContains({"prelu"})) {
    guess.class_name = "PReLU";
    guess.assumption = "taken from the names";
    Note(guess, "num_parameters", leaf.Dim(kWeight, 0));
    return true;
  }
  return false;
}

// in_proj_weight [3E, E] holds query, key and value; with other key and value sizes they are three tensors [E, *].
bool DescribeAttention(const LeafTensors& leaf, LeafGuess& guess) {
  int64_t embed = leaf.Dim(kOutProjWeight, 0);
  if (leaf.Rank(kOutProjWeight) != 2 || leaf.Dim(kOutProjWeight, 1) != embed) return false;
  if (leaf.Has(kInProjWeight)) {
    if (leaf.Rank(kInProjWeight) != 2 || leaf.Dim(kInProjWeight, 1) != embed || leaf.Dim(kInProjWeight, 0) % 3 != 0 ||
        leaf.Dim(kInProjWeight, 0) / 3 != embed) {
      return false;
    }
  } else if (leaf.Dim(kQProjWeight, 0) != embed || leaf.Rank(kKProjWeight) != 2 || leaf.Rank(kVProjWeight) != 2) {
    return false;
  }
  guess.class_name = "MultiheadAttention";
  guess.assumption = "num_heads is not in the file";
  Note(guess, "embed_dim", embed);
  if (!leaf.Has(kInProjWeight)) {
    Note(guess, "kdim", leaf.Dim(kKProjWeight, 1));
    Note(guess, "vdim", leaf.Dim(kVProjWeight, 1));
  }
  NoteBias(guess, leaf.Has(kInProjBias));
  return true;
}

// Two low-rank factors [rank, in, ...] and [out, rank, ...], beside the weight that they change or alone.
bool DescribeLora(const LeafTensors& leaf, LeafGuess& guess) {
  int64_t rank = leaf.Dim(kLoraDown, 0);
  if (leaf.Rank(kLoraDown) < 2 || leaf.Rank(kLoraUp) < 2 || leaf.Dim(kLoraUp, 1) != rank) return false;
  guess.class_name = "lora.LoRA";
  bool convolution = leaf.Rank(kLoraDown) > 2;
  Note(guess, "rank", rank);
  Note(guess, convolution ? "in_channels" : "in_features", leaf.Dim(kLoraDown, 1));
  Note(guess, convolution ? "out_channels" : "out_features", leaf.Dim(kLoraUp, 0));
  return true;
}

constexpr auto kRules = std::to_array<LeafRule>({
    {Names({kRunningMean, kRunningVar}), Names({kNumBatchesTracked, kWeight, kBias, kScale, kZeroPoint}),
     DescribeBatchNorm},
    {Names({kInProjWeight, kOutProjWeight}), Names({kInProjBias, kOutProjBias, kBiasK, kBiasV}), DescribeAttention},
    {Names({kQProjWeight, kKProjWeight, kVProjWeight, kOutProjWeight}),
     Names({kInProjBias, kOutProjBias, kBiasK, kBiasV}), DescribeAttention},
    {Names({kLoraDown, kLoraUp}), Names({kLoraScale, kWeight, kBias, kBaseWeight, kBaseBias}), DescribeLora},
    {Names({kWeight, kBias}), 0, DescribeNorm},  // before convolutions: a weight as large as its bias is none
    {Names({kWeight}), Names({kBias}), DescribeConvolution},
    {Names({kWeight, kBias}), 0, DescribeLinear},
    {Names({kWeight}), 0, DescribeMatrix},
    {Names({kWeight}), 0, DescribeVector},
});

}  // namespace

std::span<const LeafRule> LayerRules() { return kRules; }

}  // namespace pthview
