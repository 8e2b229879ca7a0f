// Layers whose weights are stored in fewer bits, as torch, bitsandbytes, GPTQ, AWQ and float8 checkpoints write them.
#include <array>

#include "lib/analysis/leaf_rules.h"

namespace pthview {
namespace {

using enum LeafName;

constexpr int64_t kBitsPerWord = 32;  // GPTQ and AWQ pack codes into int32

void NoteLinear(LeafGuess& guess, int64_t in_features, int64_t out_features) {
  Note(guess, "in_features", in_features);
  Note(guess, "out_features", out_features);
}

// torch.ao.nn.quantized.Linear: scale and zero_point are those of its output, the weight is a quantized tensor.
bool DescribeTorchLinear(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Has(kPackedWeight) && leaf.Rank(kPackedWeight) != 2) return false;
  guess.class_name = "torch.ao.nn.quantized.Linear";
  if (leaf.Has(kPackedWeight)) {
    NoteLinear(guess, leaf.Dim(kPackedWeight, 1), leaf.Dim(kPackedWeight, 0));
    NoteBias(guess, leaf.Has(kPackedBias));
  }
  return true;
}

bool DescribeTorchConvolution(const LeafTensors& leaf, LeafGuess& guess) {
  std::span<const int64_t> weight = leaf.Shape(kWeight);
  if (Info(leaf.Type(kWeight)).kind != DTypeClass::kQuantized || weight.size() < 3 || weight.size() > 5) return false;
  guess.class_name = "torch.ao.nn.quantized.Conv" + std::to_string(weight.size() - 2) + "d";
  guess.assumption = "stride, padding, dilation and groups are not in the file, and in_channels is that of one group";
  Note(guess, "in_channels", std::to_string(weight[1]) + " per group");
  Note(guess, "out_channels", weight[0]);
  Note(guess, "kernel_size", TupleText(weight.subspan(2)));
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

bool DescribeQuantize(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Rank(kScale) > 1 || leaf.Rank(kZeroPoint) > 1) return false;
  guess.class_name = "torch.ao.nn.quantized.Quantize";
  guess.assumption = "only a scale and a zero_point are there";
  return true;
}

bool DescribeLinear8bit(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Rank(kWeight) != 2 || leaf.Dim(kScb, 0) != leaf.Dim(kWeight, 0)) return false;
  guess.class_name = "bitsandbytes.Linear8bitLt";
  NoteLinear(guess, leaf.Dim(kWeight, 1), leaf.Dim(kWeight, 0));
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

// Two codes a byte, flattened: the weight's own shape is inside the record quant_state.
bool DescribeLinear4bit(const LeafTensors& leaf, LeafGuess& guess) {
  guess.class_name = "bitsandbytes.Linear4bit";
  if (leaf.Has(kQuantStateNf4)) Note(guess, "quant_type", "nf4");
  if (leaf.Has(kQuantStateFp4)) Note(guess, "quant_type", "fp4");
  if (leaf.Has(kBias)) Note(guess, "out_features", leaf.Dim(kBias, 0));
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

// GPTQ: qweight [in * bits / 32, out], scales [groups, out], g_idx [in]. AWQ: qweight [in, out * bits / 32], scales
// [groups, out].
bool DescribePackedLinear(const LeafTensors& leaf, LeafGuess& guess) {
  int64_t rows = leaf.Dim(kQWeight, 0);
  int64_t columns = leaf.Dim(kQWeight, 1);
  int64_t groups = leaf.Dim(kScales, 0);
  int64_t out_features = leaf.Dim(kScales, 1);
  if (leaf.Rank(kQWeight) != 2 || leaf.Rank(kScales) != 2 || rows <= 0 || columns <= 0 || groups <= 0) return false;
  bool gptq = columns == out_features;
  int64_t bits = 0;
  int64_t in_features = -1;
  if (gptq) {
    in_features = leaf.Dim(kGIdx, 0);
    if (in_features > 0 && rows <= in_features) bits = rows * kBitsPerWord / in_features;
    guess.class_name = "gptq.QuantLinear";
  } else {
    if (out_features <= columns || out_features % columns != 0 || leaf.Has(kGIdx)) return false;
    in_features = rows;
    bits = kBitsPerWord / (out_features / columns);
    guess.class_name = "awq.WQLinear";
  }
  if (in_features > 0) Note(guess, "in_features", in_features);
  Note(guess, "out_features", out_features);
  if (bits > 0) Note(guess, "bits", bits);
  if (in_features > 0 && groups <= in_features) Note(guess, "group_size", (in_features + groups - 1) / groups);
  NoteBias(guess, leaf.Has(kBias));
  if (gptq && !leaf.Has(kGIdx)) guess.assumption = "without g_idx, bits and in_features cannot be told";
  return true;
}

bool DescribeScaledLinear(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Rank(kWeight) != 2 || Info(leaf.Type(kWeight)).item_size != 1) return false;
  guess.class_name = "Linear";
  guess.assumption = "the weight is stored in one byte an element beside a scale that it is to be multiplied by";
  NoteLinear(guess, leaf.Dim(kWeight, 1), leaf.Dim(kWeight, 0));
  NoteBias(guess, leaf.Has(kBias));
  Note(guess, "weight_dtype", std::string(DTypeName(leaf.Type(kWeight))));
  return true;
}

constexpr auto kRules = std::to_array<LeafRule>({
    {Names({kScale, kZeroPoint, kPackedDtype}), Names({kPackedWeight, kPackedBias}), DescribeTorchLinear},
    {Names({kScale, kZeroPoint, kPackedWeight}), Names({kPackedBias}), DescribeTorchLinear},
    {Names({kScale, kZeroPoint, kWeight}), Names({kBias}), DescribeTorchConvolution},
    {Names({kScale, kZeroPoint}), 0, DescribeQuantize},
    {Names({kWeight, kScb}), Names({kWeightFormat, kBias}), DescribeLinear8bit},
    {Names({kWeight, kAbsmax, kQuantMap}), Names({kNested, kQuantStateNf4, kQuantStateFp4, kBias}), DescribeLinear4bit},
    {Names({kQWeight, kQZeros, kScales}), Names({kGIdx, kBias}), DescribePackedLinear},
    {Names({kWeight, kWeightScale}), Names({kInputScale, kBias}), DescribeScaledLinear},
});

}  // namespace

std::span<const LeafRule> QuantizedRules() { return kRules; }

}  // namespace pthview
