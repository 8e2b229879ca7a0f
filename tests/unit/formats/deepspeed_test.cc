// DeepSpeed folders that lie or lack something. What right ones give is in tests/conformance (test_spread.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/formats/deepspeed_files.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)
using testing::Contains;

Code Size(const std::vector<int64_t>& values) { return Reduce(Global("torch", "Size"), {Ints(values)}); }

Code Texts(const std::vector<std::string>& texts) {
  Codes items;
  for (const std::string& text : texts) items.push_back(Text(text));
  return List(items);
}

std::vector<std::string> CodesOf(const Model& model) {
  std::vector<std::string> codes;
  for (const Finding& finding : model.findings) codes.push_back(finding.code);
  return codes;
}

struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
};

class DeepSpeed : public testing::Test {
 protected:
  void Save(const std::string& name, const Code& root, const std::vector<float>& values = {}) {
    ZipBuilder zip;
    zip.Add({.name = "m/data.pkl", .data = Pickle(root), .torch = true});
    std::string data;
    for (float value : values) data += Little(value);
    if (!values.empty()) zip.Add({.name = "m/data/0", .data = data, .torch = true});
    WriteText(folder_ / name, zip.Finish());
  }

  // One data-parallel rank: `first`, `first + 1`, ... are its weights.
  void Rank(const std::string& rank, const std::vector<Parameter>& parameters, float first, Pairs more = {}) {
    Pairs shapes;
    std::vector<float> values;
    for (const auto& [name, shape] : parameters) {
      shapes.emplace_back(name, Size(shape));
      int64_t numel = 1;
      for (int64_t size : shape) numel *= size;
      for (int64_t i = 0; i < std::min<int64_t>(numel, 100); ++i) {
        values.push_back(first + static_cast<float>(values.size()));
      }
    }
    more.emplace_back("param_shapes", List({Named(shapes)}));
    Save("mp_rank_" + rank + "_model_states.pt", Named(more));
    auto count = static_cast<int64_t>(values.size());
    Code flat = TensorV2(StorageCode("FloatStorage", "0", count), {count}, {1});
    Code state = Named({{"zero_stage", Int(1)},
                        {"partition_count", List({Int(1)})},
                        {"single_partition_of_fp32_groups", List({flat})}});
    Save("zero_pp_rank_0_mp_rank_" + rank + "_optim_states.pt", Named({{"optimizer_state_dict", state}}), values);
  }

  static Pairs Info(const Pairs& info) { return {{"universal_checkpoint_info", Named(info)}}; }

  Model Open() {
    auto model = OpenModel(folder_.path());
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : Model();
  }
  TemporaryFolder folder_;
};

TEST_F(DeepSpeed, WithoutALayoutEachRankIsListed) {
  for (const char* rank : {"00", "01"}) Rank(rank, {{"a", {2}}}, 1);
  Model model = Open();
  EXPECT_EQ(Describe(model, "mp_rank_00.a"), "float32[2] 1.0 2.0");
  EXPECT_EQ(Describe(model, "mp_rank_01.a"), "float32[2] 1.0 2.0");
  EXPECT_EQ(model.tensors.size(), 2u);
  EXPECT_THAT(CodesOf(model), Contains("model-parallel"));
}

TEST_F(DeepSpeed, JoinsAsTheFileSays) {
  Pairs info = Info({{"parameter_with_row_parallelism_patterns", Texts({"b"})},
                     {"parameter_to_average_patterns", Texts({"m"})},
                     {"tp_replicated_parameter_patterns", Texts({"r$"})}});
  std::vector<Parameter> parameters = {{"a", {1, 2}}, {"b", {2, 1}}, {"m", {1}}, {"r", {1}}};
  Rank("00", parameters, 0, info);
  Rank("01", parameters, 10, info);
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[2, 2] 0.0 1.0 10.0 11.0");
  EXPECT_EQ(Describe(model, "b"), "float32[2, 2] 2.0 12.0 3.0 13.0");
  EXPECT_EQ(Describe(model, "m"), "float32[1] 9.0");
  EXPECT_EQ(Describe(model, "r"), "float32[1] 5.0");
  EXPECT_THAT(CodesOf(model), testing::UnorderedElementsAre("mp-joined", "mp-mean", "mp-replicated"));
}

// Each says why `a` is not joined; both ranks' shares are there all the same.
struct Unjoined {
  const char* why;
  Pairs info;
  std::vector<int64_t> first = {2, 2};
  std::vector<int64_t> second = {2, 2};
};

TEST_F(DeepSpeed, WhatDoesNotJoinIsListedApart) {
  auto parts = [](const Code& shape, int64_t dim) {
    return Pairs{{"parameter_with_sub_params",
                  List({Named({{"patterns", Texts({"a"})}, {"shape", shape}, {"partition_dim", Int(dim)}})})}};
  };
  const Unjoined cases[] = {
      {"do not join along dimension 0", {}, {2, 2}, {2, 3}},
      {"do not join along dimension 0", {}, {2, 2}, {4}},
      {"no dimension 1", {{"parameter_with_row_parallelism_patterns", Texts({"a"})}}, {4}, {4}},
      {"no dimension 0", {}, {}, {}},
      {"shapes differ", {{"tp_replicated_parameter_patterns", Texts({"a"})}}, {2, 2}, {2, 3}},
      {"not understood: (?=a)", {{"vocabulary_parameter_patterns", Texts({"(?=a)"})}}},
      {"not understood: something that is no text", {{"vocabulary_parameter_patterns", List({Int(1)})}}},
      {"autotp_unsupported", {{"autotp_unsupported_parameter_patterns", Named({{"a", Text("odd")}})}}},
      {"of another version", {{"affine_map", Named({{"version", Int(9)}})}}},
      {"affine map has no shape", {{"affine_map", Named({{"params", Named({{"a", Int(1)}})}})}}},
      {"are not 3 parts", parts(Ints({3, -1}), 0)},
      {"along no dimension", parts(Ints({3}), 1)},
      {"along no dimension", parts(Ints({3}), -1)},
      {"and its parts 1", parts(Tuple({Ints({2}), Int(2)}), 0)},
      {"not equally wide", parts(Tuple({Ints({1, 3}), Int(2)}), 0)},
      {"widths are none", {}, {INT64_MAX / 4, 0}, {INT64_MAX, 0}},
  };
  for (const Unjoined& c : cases) {
    SCOPED_TRACE(c.why);
    Rank("00", {{"a", c.first}}, 0, Info(c.info));
    Rank("01", {{"a", c.second}}, 0, Info(c.info));
    Model model = Open();
    EXPECT_EQ(FindTensor(model, "a"), nullptr);
    EXPECT_NE(FindTensor(model, "mp_rank_00.a"), nullptr);
    EXPECT_NE(FindTensor(model, "mp_rank_01.a"), nullptr);
    auto says_why = testing::AllOf(testing::Field(&Finding::code, "model-parallel"),
                                   testing::Field(&Finding::text, testing::HasSubstr(c.why)));
    EXPECT_THAT(model.findings, Contains(says_why));
  }
}

TEST_F(DeepSpeed, ParametersThatSomeRanksLack) {
  Rank("00", {{"a", {1}}, {"b", {1}}}, 0, Info({}));
  Rank("01", {{"a", {1}}, {"c", {1}}}, 5, Info({}));
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[2] 0.0 5.0");
  EXPECT_EQ(Describe(model, "mp_rank_00.b"), "float32[1] 1.0");
  EXPECT_EQ(Describe(model, "mp_rank_01.c"), "float32[1] 6.0");
}

TEST_F(DeepSpeed, RanksThatAreMissing) {
  Rank("00", {{"a", {1}}}, 0, Info({}));
  Rank("99999999", {{"a", {1}}}, 5, Info({}));
  WriteText(folder_ / "mp_rank_07_model_states.pt", "broken");
  WriteText(folder_ / "mp_rank_99999999999999999999_model_states.pt", "no int");
  Model model = Open();
  EXPECT_EQ(Describe(model, "mp_rank_00.a"), "float32[1] 0.0");
  EXPECT_EQ(Describe(model, "mp_rank_99999999.a"), "float32[1] 5.0");
  EXPECT_THAT(CodesOf(model), Contains("shard-missing"));
  EXPECT_THAT(CodesOf(model), Contains("shard-broken").Times(2));
}

TEST_F(DeepSpeed, TheFileSaysHowManyRanksThereAre) {
  Rank("00", {{"a", {1}}}, 0,
       {{"checkpoint_parallel_dimensions", Named({{"pp_degree", Int(1)}, {"tp_degree", Int(INT64_MAX)}})}});
  Model model = Open();
  EXPECT_EQ(Describe(model, "mp_rank_00.a"), "float32[1] 0.0");
  EXPECT_THAT(CodesOf(model), Contains("shard-missing"));
}

TEST_F(DeepSpeed, ASliceWithoutDataTakesItFromTheWhole) {
  Rank("00", {{"a", {1}}}, 0, Info({}));
  Rank("01", {{"a", {1}}}, 0, Info({}));
  Save("zero_pp_rank_3_mp_rank_01_optim_states.pt", Named({{"optimizer_state_dict", Named({})}}));
  Save("zero_pp_rank_0_mp_rank_01_optim_states.pt",
       Named({{"optimizer_state_dict", Named({{"single_partition_of_fp32_groups",
                                               List({TensorV2(StorageCode("HalfStorage", "0", 1), {1}, {1})})}})}}));
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[2] missing");
  EXPECT_THAT(CodesOf(model), Contains("zero-share"));
}

TEST_F(DeepSpeed, VocabularyPadding) {
  struct {
    Pairs info;
    const char* expected;
  } const cases[] = {
      {{{"original_vocab_size", Int(3)}}, "float32[3, 1] 0.0 1.0 4.0"},
      {{{"original_vocab_size", Int(-1)}}, "float32[4, 1] 0.0 1.0 4.0 5.0"},
      {{{"original_vocab_size", Int(9)}}, "float32[4, 1] 0.0 1.0 4.0 5.0"},
      {{}, "float32[4, 1] 0.0 1.0 4.0 5.0"},
  };
  for (const auto& c : cases) {
    Pairs info = c.info;
    info.emplace_back("vocabulary_parameter_patterns", Texts({"a"}));
    Rank("00", {{"a", {2, 1}}}, 0, Info(info));
    Rank("01", {{"a", {2, 1}}}, 4, Info(info));
    EXPECT_EQ(Describe(Open(), "a"), c.expected);
  }
}

TEST_F(DeepSpeed, ExpertsThatAreSplitOverFewerRanksAreNotMixedUp) {
  Rank("00", {{"a", {1}}}, 0);
  Code flat = TensorV2(StorageCode("FloatStorage", "0", 1), {1}, {1});
  for (const char* rank : {"0", "1"}) {
    Save(std::string("zero_pp_rank_") + rank + "_mp_rank_00_optim_states.pt",
         Named({{"optimizer_state_dict", Named({{"zero_stage", Int(2)},
                                                {"partition_count", List({Int(1)})},
                                                {"single_partition_of_fp32_groups", List({flat})}})}}),
         {1});
  }
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[1] missing");
  EXPECT_THAT(CodesOf(model), Contains("zero-experts"));
}

TEST_F(DeepSpeed, LayerFilesThatHoldTheSameAreNotListedAgain) {
  Rank("00", {{"1.a", {1}}}, 0);
  Code half = TensorV2(StorageCode("HalfStorage", "0", 2), {1}, {1});
  Save("layer_01-model_00-model_states.pt", Named({{"a", half}}), {0});
  Model model = Open();
  EXPECT_EQ(model.tensors.size(), 1u);
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-layer-files"));
  Save("layer_01-model_00-model_states.pt", Named({{"b", half}}), {0});
  model = Open();
  EXPECT_EQ(model.tensors.size(), 2u);
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-other-files"));
}

TEST_F(DeepSpeed, TellsFilesByTheirNames) {
  EXPECT_FALSE(FindDeepSpeedFiles(folder_.path()));
  for (const char* name :
       {"zero_pp_rank_1_mp_rank_03_model_states.pt", "bf16_zero_pp_rank_1_mp_rank_03_optim_states.pt",
        "layer_02-model_01-model_states.pt", "layer_0_expert_1_mp_rank_00_model_states.pt",
        "expp_rank_0_mp_rank_00_optim_states.pt", "zero_to_fp32.py"}) {
    WriteText(folder_ / name, "");
  }
  auto files = FindDeepSpeedFiles(folder_.path());
  ASSERT_TRUE(files);
  ASSERT_EQ(files->ranks.size(), 1u);
  EXPECT_THAT(files->ranks.at(3).model, testing::ElementsAre(testing::Key(1)));
  EXPECT_THAT(files->ranks.at(3).optimizer, testing::ElementsAre(testing::Key(1)));
  EXPECT_EQ(files->others.size(), 3u);
  EXPECT_EQ(LayerFileOf("layer_02-model_01-model_states.pt")->tensor_rank, 1);
  EXPECT_FALSE(LayerFileOf("layer_0_expert_1_mp_rank_00_model_states.pt"));
}

}  // namespace
}  // namespace pthview
