#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/analysis/structure/structure.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ModelFixture;

struct NamedShape {
  std::string_view name;
  std::vector<int64_t> shape;
  DType dtype = DType::kFloat32;
};

struct Case {
  std::string_view what;
  std::string_view module;
  std::vector<NamedShape> tensors;  // names relative to the module
  std::string_view class_name;
  std::string_view attributes;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"Conv1d",
       "c",
       {{"weight", {8, 4, 3}}, {"bias", {8}}},
       "Conv1d",
       "in_channels=4 per group, out_channels=8, kernel_size=(3,)"},
      {"Conv2d",
       "c",
       {{"weight", {8, 3, 5, 7}}},
       "Conv2d",
       "in_channels=3 per group, out_channels=8, kernel_size=(5, 7), bias=False"},
      {"Conv3d",
       "c",
       {{"weight", {8, 3, 1, 2, 3}}, {"bias", {8}}},
       "Conv3d",
       "in_channels=3 per group, out_channels=8, kernel_size=(1, 2, 3)"},
      {"Depthwise",
       "c",
       {{"weight", {32, 1, 3, 3}}, {"bias", {32}}},
       "Conv2d",
       "in_channels=1 per group, out_channels=32, kernel_size=(3, 3), groups=1, or 32 if depthwise"},
      {"TransposedByBias",
       "c",
       {{"weight", {8, 3, 2, 2}}, {"bias", {3}}},
       "ConvTranspose2d",
       "in_channels=8, out_channels=3, kernel_size=(2, 2)"},
      {"TransposedWithGroups",
       "c",
       {{"weight", {8, 3, 2, 2}}, {"bias", {6}}},
       "ConvTranspose2d",
       "in_channels=8, out_channels=6, groups=2, kernel_size=(2, 2)"},
      {"TransposedByName",
       "up.deconv1",
       {{"weight", {8, 3, 2, 2}}},
       "ConvTranspose2d",
       "in_channels=8, out_channels=3 per group, kernel_size=(2, 2), bias=False"},
      {"BiasOfNoConvolution", "c", {{"weight", {8, 3, 2, 2}}, {"bias", {7}}}, "", ""},
      {"Linear", "fc", {{"weight", {10, 20}}, {"bias", {10}}}, "Linear", "in_features=20, out_features=10"},
      {"LinearWithoutBias", "head", {{"weight", {10, 20}}}, "Linear", "in_features=20, out_features=10, bias=False"},
      {"Gpt2Conv1D",
       "c_attn",
       {{"weight", {20, 60}}, {"bias", {60}}},
       "transformers.Conv1D",
       "in_features=20, out_features=60"},
      {"Embedding", "tok_embeddings", {{"weight", {100, 16}}}, "Embedding", "num_embeddings=100, embedding_dim=16"},
      {"EmbeddingInAList", "embeds.0", {{"weight", {100, 16}}}, "Embedding", "num_embeddings=100, embedding_dim=16"},
      {"EmbeddingProjection",
       "embed_out",
       {{"weight", {100, 16}}},
       "Linear",
       "in_features=16, out_features=100, bias=False"},
      {"BatchNorm",
       "bn",
       {{"weight", {4}}, {"bias", {4}}, {"running_mean", {4}}, {"running_var", {4}}, {"num_batches_tracked", {}}},
       "BatchNorm",
       "num_features=4"},
      {"BatchNormNotAffine",
       "bn",
       {{"running_mean", {4}}, {"running_var", {4}}},
       "BatchNorm",
       "num_features=4, affine=False"},
      {"BatchNormOfOtherShapes", "bn", {{"running_mean", {4}}, {"running_var", {5}}}, "", ""},
      {"LayerNormByName", "h.0.ln_1", {{"weight", {4}}, {"bias", {4}}}, "LayerNorm", "normalized_shape=(4,)"},
      {"GroupNormByName", "gn1", {{"weight", {4}}, {"bias", {4}}}, "GroupNorm", "num_channels=4"},
      {"NormOfEitherKind", "norm1", {{"weight", {4}}, {"bias", {4}}}, "", ""},
      {"WordsInsideWordsDoNotCount", "kiln", {{"weight", {4}}, {"bias", {4}}}, "", ""},
      {"RmsNorm", "input_layernorm", {{"weight", {4}}}, "RMSNorm", "normalized_shape=(4,)"},
      {"Vector", "gamma", {{"weight", {4}}}, "", ""},
      {"Lstm",
       "rnn",
       {{"weight_ih_l0", {80, 10}}, {"weight_hh_l0", {80, 20}}, {"bias_ih_l0", {80}}, {"bias_hh_l0", {80}}},
       "LSTM",
       "input_size=10, hidden_size=20"},
      {"GruTwoLayersBothWays",
       "rnn",
       {{"weight_ih_l0", {60, 10}},
        {"weight_hh_l0", {60, 20}},
        {"weight_ih_l0_reverse", {60, 10}},
        {"weight_hh_l0_reverse", {60, 20}},
        {"weight_ih_l1", {60, 40}},
        {"weight_hh_l1", {60, 20}},
        {"weight_ih_l1_reverse", {60, 40}},
        {"weight_hh_l1_reverse", {60, 20}}},
       "GRU",
       "input_size=10, hidden_size=20, bias=False, num_layers=2, bidirectional=True"},
      {"LstmWithProjection",
       "rnn",
       {{"weight_ih_l0", {80, 10}}, {"weight_hh_l0", {80, 5}}, {"weight_hr_l0", {5, 20}}},
       "LSTM",
       "input_size=10, hidden_size=20, bias=False, proj_size=5"},
      {"RnnCell",
       "cell",
       {{"weight_ih", {20, 10}}, {"weight_hh", {20, 20}}, {"bias_ih", {20}}, {"bias_hh", {20}}},
       "RNNCell",
       "input_size=10, hidden_size=20"},
      {"RecurrentOfNoKnownGates", "rnn", {{"weight_ih_l0", {40, 10}}, {"weight_hh_l0", {40, 20}}}, "", ""},
      {"Attention",
       "attn",
       {{"in_proj_weight", {24, 8}}, {"in_proj_bias", {24}}, {"out_proj.weight", {8, 8}}, {"out_proj.bias", {8}}},
       "MultiheadAttention",
       "embed_dim=8"},
      {"AttentionOfOtherSizes",
       "attn",
       {{"q_proj_weight", {8, 8}}, {"k_proj_weight", {8, 5}}, {"v_proj_weight", {8, 6}}, {"out_proj.weight", {8, 8}}},
       "MultiheadAttention",
       "embed_dim=8, kdim=5, vdim=6, bias=False"},
      {"LoraOfPeft",
       "q_proj",
       {{"base_layer.weight", {30, 20}}, {"lora_A.default.weight", {4, 20}}, {"lora_B.default.weight", {30, 4}}},
       "lora.LoRA",
       "rank=4, in_features=20, out_features=30"},
      {"LoraOfKohya",
       "lora_unet_to_k",
       {{"alpha", {}}, {"lora_down.weight", {4, 20, 3, 3}}, {"lora_up.weight", {30, 4, 1, 1}}},
       "lora.LoRA",
       "rank=4, in_channels=20, out_channels=30"},
      {"LoraOfTwoRanks", "q_proj", {{"lora_A.weight", {4, 20}}, {"lora_B.weight", {30, 5}}}, "", ""},
      {"TorchQuantizedLinear",
       "fc",
       {{"scale", {}},
        {"zero_point", {}},
        {"_packed_params._packed_params[0]", {10, 20}, DType::kQInt8},
        {"_packed_params._packed_params[1]", {10}}},
       "torch.ao.nn.quantized.Linear",
       "in_features=20, out_features=10"},
      {"TorchQuantizedConv",
       "c",
       {{"weight", {8, 3, 3, 3}, DType::kQInt8}, {"bias", {8}}, {"scale", {}}, {"zero_point", {}}},
       "torch.ao.nn.quantized.Conv2d",
       "in_channels=3 per group, out_channels=8, kernel_size=(3, 3)"},
      {"TorchQuantizedBatchNorm",
       "bn",
       {{"weight", {4}}, {"bias", {4}}, {"running_mean", {4}}, {"running_var", {4}}, {"scale", {}}, {"zero_point", {}}},
       "torch.ao.nn.quantized.BatchNorm",
       "num_features=4"},
      {"Bitsandbytes8",
       "fc",
       {{"weight", {10, 20}, DType::kInt8}, {"SCB", {10}}, {"weight_format", {}}},
       "bitsandbytes.Linear8bitLt",
       "in_features=20, out_features=10, bias=False"},
      {"Bitsandbytes4",
       "fc",
       {{"weight", {100, 1}, DType::kUint8},
        {"weight.absmax", {4}},
        {"weight.quant_map", {16}},
        {"weight.quant_state.bitsandbytes__nf4", {80}, DType::kUint8}},
       "bitsandbytes.Linear4bit",
       "quant_type=nf4, bias=False"},
      {"Gptq",
       "fc",
       {{"qweight", {16, 64}, DType::kInt32}, {"qzeros", {1, 8}, DType::kInt32}, {"scales", {1, 64}}, {"g_idx", {128}}},
       "gptq.QuantLinear",
       "in_features=128, out_features=64, bits=4, group_size=128, bias=False"},
      {"GptqWithoutOrder",
       "fc",
       {{"qweight", {12, 64}, DType::kInt32}, {"qzeros", {4, 6}, DType::kInt32}, {"scales", {4, 64}}},
       "gptq.QuantLinear",
       "in_features=128, out_features=64, bits=3, group_size=32, bias=False"},
      {"CompressedTensors",
       "fc",
       {{"weight_packed", {64, 16}, DType::kInt32}, {"weight_scale", {64, 4}}, {"weight_shape", {2}, DType::kInt64}},
       "compressed_tensors.CompressedLinear",
       "out_features=64, bias=False"},
      {"Nvfp4",
       "fc",
       {{"weight", {64, 64}, DType::kUint8},
        {"weight_scale", {64, 8}, DType::kFloat8E4M3FN},
        {"weight_scale_2", {}},
        {"input_scale", {}}},
       "modelopt.NVFP4Linear",
       "in_features=128, out_features=64, group_size=16, bias=False"},
      {"Hqq",
       "fc",
       {{"W_q", {64, 64}, DType::kUint8}, {"scale", {128, 1}}, {"zero", {128, 1}}},
       "hqq.HQQLinear",
       "bias=False"},
      {"FlatParameter", "fc", {{"_flat_param", {17}}}, "torch.distributed.fsdp.FlatParameter", ""},
      {"Awq",
       "fc",
       {{"qweight", {128, 8}, DType::kInt32}, {"qzeros", {2, 8}, DType::kInt32}, {"scales", {2, 64}}},
       "awq.WQLinear",
       "in_features=128, out_features=64, bits=4, group_size=64, bias=False"},
      {"Float8WithScale",
       "fc",
       {{"weight", {10, 20}, DType::kFloat8E4M3FN}, {"weight_scale", {}}},
       "Linear",
       "in_features=20, out_features=10, bias=False, weight_dtype=float8_e4m3fn"},
      {"WeightNorm",
       "c",
       {{"bias", {8}}, {"weight_g", {8, 1, 1}}, {"weight_v", {8, 4, 3}}},
       "Conv1d",
       "in_channels=4 per group, out_channels=8, kernel_size=(3,), parametrization=weight_norm"},
      {"WeightNormAsParametrization",
       "fc",
       {{"bias", {8}}, {"parametrizations.weight.original0", {8, 1}}, {"parametrizations.weight.original1", {8, 4}}},
       "Linear",
       "in_features=4, out_features=8, parametrization=weight_norm"},
      {"SpectralNorm",
       "fc",
       {{"weight_orig", {8, 4}}, {"weight_u", {8}}, {"weight_v", {4}}, {"bias", {8}}},
       "Linear",
       "in_features=4, out_features=8, parametrization=spectral_norm"},
      {"AnotherTensorBesides", "fc", {{"weight", {10, 20}}, {"bias", {10}}, {"temperature", {}}}, "", ""},
      {"BytesBesidePlainScales",
       "fc",
       {{"weight", {64, 64}, DType::kUint8}, {"weight_scale", {64, 8}}, {"weight_scale_2", {}}},
       "",
       ""},
      {"WordsOfNoWholeBits",
       "fc",
       {{"qweight", {16, 40}, DType::kInt32}, {"qzeros", {1, 7}, DType::kInt32}, {"scales", {1, 40}}},
       "gptq.QuantLinear",
       "out_features=40, bias=False"},
      {"ScalarWeight", "s", {{"weight", {}}}, "", ""},
  };
  return cases;
}

class LeafGuess_ : public ::testing::TestWithParam<size_t> {};

TEST_P(LeafGuess_, ReadsNamesAndShapes) {
  const Case& c = Cases()[GetParam()];
  ModelFixture fixture;
  fixture.Add("before.something", {1});  // so that the module is not the only one
  for (const NamedShape& tensor : c.tensors) {
    fixture.Add(std::string(c.module) + "." + std::string(tensor.name), tensor.shape, tensor.dtype);
  }
  InferModules(fixture.model);
  EXPECT_EQ(fixture.ClassOf(c.module), c.class_name);
  EXPECT_EQ(fixture.AttributesOf(c.module), c.attributes);
}

INSTANTIATE_TEST_SUITE_P(Table, LeafGuess_, ::testing::Range(size_t{0}, Cases().size()),
                         [](const auto& row) { return std::string(Cases()[row.param].what); });

TEST(LeafGuess, SaysWhatItAssumes) {
  ModelFixture fixture;
  fixture.Add("norm1.weight", {4});
  fixture.Add("norm1.bias", {4});
  fixture.Add("proj.weight", {4, 4});
  fixture.Add("fc.weight", {4, 8});
  fixture.Add("fc.bias", {4});
  InferModules(fixture.model);
  EXPECT_THAT(GuessLeaf(fixture.model, *fixture.Find("norm1")).assumption, HasSubstr("LayerNorm or GroupNorm"));
  EXPECT_THAT(GuessLeaf(fixture.model, *fixture.Find("proj")).assumption, HasSubstr("Embedding"));
  EXPECT_THAT(GuessLeaf(fixture.model, *fixture.Find("fc")).assumption, IsEmpty());
}

// The record of JSON beside a weight of 4 bits speaks of it only when the sizes fit.
TEST(LeafGuess, QuantStateTellsTheShapeOfWhatIsPacked) {
  for (int64_t rows : {1024, 1000}) {
    ModelFixture fixture;
    std::string record = R"({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [32, 64]})";
    fixture.Add("fc.weight", {rows, 1}, DType::kUint8);
    fixture.Add("fc.weight.absmax", {32});
    fixture.Add("fc.weight.quant_map", {16});
    Index state = fixture.AddValues({static_cast<int64_t>(record.size())}, DType::kUint8,
                                    std::vector<char>(record.begin(), record.end()));
    fixture.model.tensors[state].name = "fc.weight.quant_state.bitsandbytes__nf4";
    fixture.model.tensors[state].path = fixture.model.tensors[state].name;
    InferModules(fixture.model);
    EXPECT_EQ(fixture.AttributesOf("fc"), std::string(rows == 1024 ? "in_features=64, out_features=32, " : "") +
                                              "quant_type=nf4, blocksize=64, dtype=bfloat16, bias=False");
  }
}

void AddBatchNorm(ModelFixture& fixture, const std::string& name, int64_t features) {
  fixture.Add(name + ".running_mean", {features});
  fixture.Add(name + ".running_var", {features});
}

TEST(LeafGuess, BatchNormTakesTheDimensionOfTheLayerBefore) {
  ModelFixture fixture;
  fixture.Add("conv.weight", {8, 3, 3, 3});
  AddBatchNorm(fixture, "bn1", 8);
  fixture.Add("fc.weight", {5, 8});
  fixture.Add("fc.bias", {5});
  AddBatchNorm(fixture, "bn2", 5);
  AddBatchNorm(fixture, "bn3", 7);  // follows nothing that fits: the only kind of convolution there is
  InferModules(fixture.model);
  EXPECT_EQ(fixture.ClassOf("bn1"), "BatchNorm2d");
  EXPECT_EQ(fixture.ClassOf("bn2"), "BatchNorm1d");
  EXPECT_EQ(fixture.ClassOf("bn3"), "BatchNorm2d");
}

TEST(LeafGuess, BatchNormStaysOpenWhereConvolutionsDiffer) {
  ModelFixture fixture;
  fixture.Add("a.weight", {8, 3, 3, 3});
  fixture.Add("b.weight", {8, 3, 3});
  AddBatchNorm(fixture, "bn", 7);
  InferModules(fixture.model);
  EXPECT_EQ(fixture.ClassOf("bn"), "BatchNorm");
}

}  // namespace
}  // namespace pthview
