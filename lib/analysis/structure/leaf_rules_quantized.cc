// Layers whose weights are stored in fewer bits, as torch, bitsandbytes, GPTQ, AWQ and float8 checkpoints write them.
#include <array>

#include <nlohmann/json.hpp>

#include "lib/analysis/structure/leaf_rules.h"
#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"

namespace pthview {
namespace {

using enum LeafName;

constexpr int64_t kBitsPerWord = 32;              // GPTQ and AWQ pack codes into int32
constexpr int64_t kMostWords = int64_t{1} << 40;  // more in a row than any weight has; products of it fit

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
  guess.assumption = "the weight holds codes: a value is code * SCB / 127 of its row";
  NoteLinear(guess, leaf.Dim(kWeight, 1), leaf.Dim(kWeight, 0));
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

// Two codes a byte, flattened. The weight's own shape, and how it was coded, stand in a record of JSON beside it:
// {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [32, 64], "nested_blocksize": ...}
// Source: bitsandbytes/functional.py, QuantState.as_dict.
bool DescribeLinear4bit(const LeafTensors& leaf, LeafGuess& guess) {
  LeafName record = leaf.Has(kQuantStateNf4) ? kQuantStateNf4 : kQuantStateFp4;
  auto state = nlohmann::json::parse(leaf.SmallBytes(record), nullptr, false);
  auto integer = [&](const char* name) {
    bool has = state.is_object() && state.contains(name) && state[name].is_number_integer();
    return has ? state[name].get<int64_t>() : -1;
  };
  int64_t out_features = -1;
  if (state.is_object() && state.contains("shape") && state["shape"].is_array() && state["shape"].size() == 2 &&
      state["shape"][0].is_number_integer() && state["shape"][1].is_number_integer()) {
    out_features = state["shape"][0].get<int64_t>();
    int64_t in_features = state["shape"][1].get<int64_t>();
    int64_t bytes = leaf.Dim(kWeight, 0);
    auto numel = CheckedMul(in_features, out_features);
    // A record that speaks of another weight tells nothing.
    if (numel && bytes >= 0 && in_features >= 0 && *numel / 2 + *numel % 2 == bytes) {
      NoteLinear(guess, in_features, out_features);
    } else {
      out_features = -1;
    }
  }
  if (out_features < 0 && leaf.Has(kBias)) Note(guess, "out_features", leaf.Dim(kBias, 0));
  guess.class_name = "bitsandbytes.Linear4bit";
  guess.assumption =
      out_features >= 0
          ? "the weight holds codes, two in a byte; its shape is that of the quant_state record"
          : "the weight holds codes, two in a byte; its shape is not known without its quant_state record";
  if (leaf.Has(kQuantStateNf4)) Note(guess, "quant_type", "nf4");
  if (leaf.Has(kQuantStateFp4)) Note(guess, "quant_type", "fp4");
  if (integer("blocksize") > 0) Note(guess, "blocksize", integer("blocksize"));
  if (state.is_object() && state.contains("dtype") && state["dtype"].is_string()) {
    Note(guess, "dtype", EscapeName(state["dtype"].get<std::string>()));
  }
  if (leaf.Has(kNested)) Note(guess, "double_quant", "True");
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

// Codes in int32 words. GPTQ packs along the input: qweight [in * bits / 32, out]; AWQ along the output: qweight
// [in, out * bits / 32]. Both: qzeros [groups, out * bits / 32], scales [groups, out]. GPTQ may have g_idx [in].
bool DescribePackedLinear(const LeafTensors& leaf, LeafGuess& guess) {
  int64_t rows = leaf.Dim(kQWeight, 0);
  int64_t columns = leaf.Dim(kQWeight, 1);
  int64_t groups = leaf.Dim(kScales, 0);
  int64_t out_features = leaf.Dim(kScales, 1);
  int64_t zeros = leaf.Dim(kQZeros, 1);
  if (leaf.Rank(kQWeight) != 2 || leaf.Rank(kScales) != 2 || rows <= 0 || columns <= 0 || groups <= 0) return false;
  if (out_features <= 0 || rows > kMostWords || zeros > kMostWords) return false;
  bool gptq = columns == out_features;
  if (!gptq && (out_features < columns || leaf.Has(kGIdx))) return false;
  int64_t words = gptq ? zeros : columns;
  int64_t bits = words > 0 && words * kBitsPerWord % out_features == 0 ? words * kBitsPerWord / out_features : 0;
  int64_t in_features = gptq ? leaf.Dim(kGIdx, 0) : rows;
  if (bits > 0 && in_features < 0) in_features = rows * kBitsPerWord / bits;
  if (bits == 0 && gptq && in_features >= rows) bits = rows * kBitsPerWord / in_features;
  if (bits > 16) return false;
  guess.class_name = gptq ? "gptq.QuantLinear" : "awq.WQLinear";
  guess.assumption = std::string("qweight holds codes in 32-bit words, packed along ") +
                     (gptq ? "in_features" : "out_features") + "; sizes are worked out from the packed shapes";
  if (in_features > 0) Note(guess, "in_features", in_features);
  Note(guess, "out_features", out_features);
  if (bits > 0) Note(guess, "bits", bits);
  if (in_features > 0 && groups <= in_features) Note(guess, "group_size", (in_features + groups - 1) / groups);
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

// compressed-tensors: weight_packed [out, in * bits / 32] of int32, or [out, in / 2] of uint8 (float4), weight_scale
// [out, groups], and weight_shape: the two numbers out and in.
bool DescribeCompressedLinear(const LeafTensors& leaf, LeafGuess& guess) {
  int64_t out_features = leaf.Dim(kWeightPacked, 0);
  int64_t words = leaf.Dim(kWeightPacked, 1);
  int64_t groups = leaf.Dim(kWeightScale, 1);
  if (leaf.Rank(kWeightPacked) != 2 || out_features <= 0 || words <= 0 || words > kMostWords) return false;
  guess.class_name = "compressed_tensors.CompressedLinear";
  guess.assumption = "weight_packed holds several codes in a word";
  int64_t per_word = int64_t{8} * Info(leaf.Type(kWeightPacked)).item_size;
  int64_t in_features = per_word == 8 ? 2 * words : -1;
  std::string shape = leaf.SmallBytes(kWeightShape);
  if (leaf.Type(kWeightShape) == DType::kInt64 && shape.size() == 16) {
    int64_t told = LoadLittle<int64_t>(shape.data() + 8);
    if (LoadLittle<int64_t>(shape.data()) == out_features && told >= words && told / 32 <= words) in_features = told;
  }
  if (in_features > 0) Note(guess, "in_features", in_features);
  Note(guess, "out_features", out_features);
  if (in_features > 0) Note(guess, "bits", words * per_word / in_features);
  if (in_features > 0 && groups > 0 && in_features % groups == 0) Note(guess, "group_size", in_features / groups);
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

// Two float4 codes in a byte: weight [out, in / 2], weight_scale [out, in / 16] of float8, weight_scale_2 one number.
bool DescribeNvfp4Linear(const LeafTensors& leaf, LeafGuess& guess) {
  int64_t bytes = leaf.Dim(kWeight, 1);
  int64_t groups = leaf.Dim(kWeightScale, 1);
  if (leaf.Type(kWeight) != DType::kUint8 || leaf.Rank(kWeight) != 2 || bytes > kMostWords) return false;
  if (leaf.Type(kWeightScale) != DType::kFloat8E4M3FN || groups <= 0 || 2 * bytes % groups != 0) return false;
  guess.class_name = "modelopt.NVFP4Linear";
  guess.assumption = "the weight holds float4 codes, two in a byte";
  NoteLinear(guess, 2 * bytes, leaf.Dim(kWeight, 0));
  Note(guess, "group_size", 2 * bytes / groups);
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

bool DescribeHqqLinear(const LeafTensors& leaf, LeafGuess& guess) {
  guess.class_name = "hqq.HQQLinear";
  guess.assumption = "W_q holds codes; their number of bits and the weight's shape are not among the tensors";
  NoteBias(guess, leaf.Has(kBias));
  return true;
}

// FullyShardedDataParallel's LOCAL_STATE_DICT.
bool DescribeFlatParameter(const LeafTensors& leaf, LeafGuess& guess) {
  if (leaf.Rank(kFlatParameter) != 1) return false;
  guess.class_name = "torch.distributed.fsdp.FlatParameter";
  guess.assumption =
      "all parameters of a unit behind each other, or one rank's piece of them; their names and shapes are not in this "
      "file";
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
    {Names({kWeightPacked, kWeightScale}),
     Names({kWeightShape, kWeightZeroPoint, kWeightScale2, kGIdx, kInputScale, kBias}), DescribeCompressedLinear},
    {Names({kWeight, kWeightScale, kWeightScale2}), Names({kInputScale, kBias}), DescribeNvfp4Linear},
    {Names({kHqqCodes, kScale, kHqqZero}), Names({kBias}), DescribeHqqLinear},
    {Names({kFlatParameter}), 0, DescribeFlatParameter},
    {Names({kWeight, kWeightScale}), Names({kInputScale, kBias}), DescribeScaledLinear},
});

}  // namespace

std::span<const LeafRule> QuantizedRules() { return kRules; }

}  // namespace pthview
