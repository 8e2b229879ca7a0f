// DeepSpeed folders that lie or lack something. What right ones give is in tests/conformance (test_spread.py).
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

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
  codes.reserve(model.findings.size());
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

  // What one data-parallel rank has of the weights: flat tensors of `sizes`, one a group, whose values run on from
  // `first`. A size of -1 is a tensor that cannot be read.
  void Share(int rank, int stage, const std::vector<int64_t>& sizes, float first, Pairs more = {}) {
    Codes flats;
    int64_t all = 0;
    for (int64_t size : sizes) all += std::max<int64_t>(size, 0);
    int64_t begin = 0;
    for (int64_t size : sizes) {
      flats.push_back(size < 0 ? None() : TensorV2(StorageCode("FloatStorage", "0", all), {size}, {1}, begin));
      begin += std::max<int64_t>(size, 0);
    }
    std::vector<float> values(static_cast<size_t>(all));
    std::iota(values.begin(), values.end(), first);
    more.emplace_back("zero_stage", Int(stage));
    more.emplace_back(stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups", List(flats));
    Save("zero_pp_rank_" + std::to_string(rank) + "_mp_rank_00_optim_states.pt",
         Named({{"optimizer_state_dict", Named(more)}}), values);
  }

  // The model states of these groups of parameters.
  void Groups(int stage, const std::vector<std::vector<Parameter>>& groups) {
    Codes shapes;
    for (const auto& group : groups) {
      Pairs sizes;
      for (const auto& [name, shape] : group) sizes.emplace_back(name, Size(shape));
      shapes.push_back(Named(sizes));
    }
    const std::string prefix = stage == 3 ? "zero_pp_rank_0_" : "";
    Save(prefix + "mp_rank_00_model_states.pt", Named({{"param_shapes", List(shapes)}}));
  }

  // Model states alone: a module of float32 tensors with these strides.
  void Module(const std::string& rank, const std::vector<Parameter>& parameters, float first, Pairs more = {}) {
    Pairs tensors;
    std::vector<float> values;
    for (const auto& [name, shape] : parameters) {
      auto begin = static_cast<int64_t>(values.size());
      int64_t numel = 1;
      std::vector<int64_t> strides;
      for (int64_t size : shape) {
        strides.push_back(numel);
        numel *= size;
      }
      if (name[0] != 't') {  // `t` is transposed
        strides.assign(shape.size(), 1);
        for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
      }
      for (int64_t i = 0; i < numel; ++i) values.push_back(first + static_cast<float>(values.size()));
      tensors.emplace_back(name, TensorV2(StorageCode("FloatStorage", "0", 100), shape, strides, begin));
    }
    values.resize(100);
    tensors.emplace_back("_extra_state", None());
    more.emplace_back("module", Named(tensors));
    Save("mp_rank_" + rank + "_model_states.pt", Named(more), values);
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

// Where a rank's later tensors begin is not known without it.
TEST_F(DeepSpeed, AFlatTensorThatIsMissingShiftsNoOther) {
  Groups(3, {{{"a", {2}}}, {{"b", {2}}}});
  Share(0, 3, {-1, 2}, 5);
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[2] missing");
  EXPECT_EQ(Describe(model, "b"), "float32[2] missing");
  EXPECT_THAT(CodesOf(model), Contains("zero-share"));
}

TEST_F(DeepSpeed, WhatARankThatIsMissingDoesNotHoldIsThere) {
  for (int stage : {1, 3}) {
    SCOPED_TRACE(stage);
    Groups(stage, {{{"a", {2}}, {"b", {8}}}});
    for (int rank : {0, 1, 4}) Share(rank, stage, {stage == 1 ? 4 : 3}, static_cast<float>(1 + 10 * rank));
    Model model = Open();
    EXPECT_EQ(Describe(model, "a"), stage == 1 ? "float32[2] 1.0 2.0" : "float32[2] 1.0 11.0");
    EXPECT_EQ(Describe(model, "b"), "float32[8] missing");
    auto says = testing::Field(&Finding::text, testing::HasSubstr("from rank 2 to 3; "));
    EXPECT_THAT(model.findings, Contains(says));
    std::filesystem::remove(folder_ / "mp_rank_00_model_states.pt");
  }
}

TEST_F(DeepSpeed, StageThreeTakesAShareOfEachParameterFromEachRank) {
  Groups(3, {{{"a", {3, 2}}, {"b", {1}}}, {{"c", {5}}, {"none", {0}}}});
  for (int rank = 0; rank < 3; ++rank) Share(rank, 3, {3, 2}, static_cast<float>(10 * rank));
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[3, 2] 0.0 1.0 10.0 11.0 20.0 21.0");
  EXPECT_EQ(Describe(model, "b"), "float32[1] 2.0");
  EXPECT_EQ(Describe(model, "c"), "float32[5] 3.0 4.0 13.0 14.0 23.0");
  EXPECT_THAT(CodesOf(model), testing::IsEmpty());
}

// As deepspeed's own zero_to_fp32 refuses them.
TEST_F(DeepSpeed, SharesOfAnotherSizeThanTheParametersHaveNoData) {
  for (int stage : {1, 3}) {
    SCOPED_TRACE(stage);
    std::filesystem::remove(folder_ / "mp_rank_00_model_states.pt");
    Groups(stage, {{{"a", {2}}, {"b", {2}}}});
    Share(0, stage, {10}, 1);
    Model model = Open();
    EXPECT_EQ(Describe(model, "a"), "float32[2] missing");
    EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-share", "tensor-missing", "tensor-missing"));
  }
}

TEST_F(DeepSpeed, RanksThatAreMissingAreOneFinding) {
  Groups(1, {{{"a", {2}}}});
  Share(99'999, 1, {2}, 1);
  Model model = Open();
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("shard-missing", "tensor-missing"));
  EXPECT_THAT(model.findings[0].text, testing::HasSubstr("rank 0 to 99998;"));
}

TEST_F(DeepSpeed, ExpertsOfStageThreeAreNotMixedUp) {
  Groups(3, {{{"a", {2}}}, {{"expert", {2}}}});
  for (int rank : {0, 1}) {
    Code counts = List({Named({{"partition_count", Int(2)}}), Named({{"partition_count", Int(1)}})});
    Share(rank, 3, {1, 2}, static_cast<float>(10 * rank), {{"ds_zero_partition_groups", counts}});
  }
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[2] 0.0 10.0");
  EXPECT_EQ(Describe(model, "expert"), "float32[2] missing");
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-experts", "tensor-missing"));
}

TEST_F(DeepSpeed, LayersWithoutATensorRankAreOfAPipelineAlone) {
  Rank("00", {{"0.a", {1}}}, 1);
  Rank("01", {{"1.a", {1}}}, 2);
  Code half = TensorV2(StorageCode("HalfStorage", "0", 2), {1}, {1});
  for (const char* layer : {"00", "01"})
    Save(std::string("layer_") + layer + "-model_states.pt", Named({{"a", half}}), {0});
  Model model = Open();
  EXPECT_EQ(Describe(model, "0.a"), "float32[1] 1.0");
  EXPECT_EQ(Describe(model, "1.a"), "float32[1] 2.0");
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-layer-files"));
}

TEST_F(DeepSpeed, ANameThatARankHasTwiceIsNotTakenForTwoRanks) {
  Rank("00", {{"a", {1}}, {"a", {1}}}, 1, Info({}));
  Rank("01", {{"b", {1}}}, 2, Info({}));
  Save("mp_rank_00_model_states.pt",
       Named({{"param_shapes", List({Named({{"a", Size({1})}}), Named({{"a", Size({1})}})})},
              {"universal_checkpoint_info", Named({})}}));
  Model model = Open();
  EXPECT_EQ(FindTensor(model, "a"), nullptr);
  EXPECT_NE(FindTensor(model, "mp_rank_00.a"), nullptr);
  EXPECT_THAT(CodesOf(model), Contains("model-parallel"));
}

// deepspeed takes the first pattern that matches, whatever it looks like.
TEST_F(DeepSpeed, ThePatternThatStandsFirstCounts) {
  auto along = [](const char* pattern, int64_t dim) {
    return Named({{"patterns", Texts({pattern})}, {"shape", Ints({1, 1})}, {"partition_dim", Int(dim)}});
  };
  for (int64_t dim : {0, 1}) {
    Pairs info = Info({{"parameter_with_sub_params", List({along("a.*", dim), along("^ab$", 1 - dim)})}});
    Rank("00", {{"ab", {1, 1}}}, 1, info);
    Rank("01", {{"ab", {1, 1}}}, 2, info);
    EXPECT_EQ(Describe(Open(), "ab"), dim == 0 ? "float32[2, 1] 1.0 2.0" : "float32[1, 2] 1.0 2.0");
  }
}

TEST_F(DeepSpeed, PatternsThatWouldFillMemoryAreNotKept) {
  const std::vector<std::string> patterns(400, "b{1000}b{1000}b{1000}b{1000}");
  Pairs info = Info({{"vocabulary_parameter_patterns", Texts(patterns)}});
  Rank("00", {{"a", {1}}}, 1, info);
  Rank("01", {{"a", {1}}}, 2, info);
  Model model = Open();
  EXPECT_EQ(FindTensor(model, "a"), nullptr);
  EXPECT_THAT(model.findings, Contains(testing::Field(&Finding::text, testing::HasSubstr("than can be matched"))));
}

TEST_F(DeepSpeed, WithoutSharesTheModuleIsListed) {
  Module("00", {{"a", {2}}, {"t", {2, 2}}, {"buffer", {1}}}, 1,
         {{"buffer_names", Texts({"buffer"})}, {"shared_params", Named({{"tied", Text("a")}})}});
  Model model = Open();
  EXPECT_EQ(model.format, "deepspeed");
  EXPECT_EQ(Describe(model, "a"), "float32[2] 1.0 2.0");
  EXPECT_EQ(Describe(model, "t"), "float32[2, 2] 3.0 5.0 4.0 6.0");
  EXPECT_EQ(FindTensor(model, "a")->kind, TensorKind::kParameter);
  EXPECT_EQ(FindTensor(model, "buffer")->kind, TensorKind::kBuffer);
  EXPECT_EQ(Describe(model, "tied"), "float32[2] 1.0 2.0");
  EXPECT_EQ(model.tensors.size(), 4u);
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-module", "zero-module"));
}

TEST_F(DeepSpeed, ModulesOfTensorParallelRanksAreJoinedToo) {
  for (bool info : {true, false}) {
    Module("00", {{"a", {1, 2}}, {"t", {2, 2}}}, 1, info ? Info({}) : Pairs{});
    Module("01", {{"a", {1, 2}}, {"t", {2, 2}}}, 11, info ? Info({}) : Pairs{});
    Model model = Open();
    EXPECT_EQ(Describe(model, info ? "a" : "mp_rank_00.a"),
              info ? "float32[2, 2] 1.0 2.0 11.0 12.0" : "float32[1, 2] 1.0 2.0");
    EXPECT_EQ(Describe(model, "mp_rank_01.t"), "float32[2, 2] 13.0 15.0 14.0 16.0");
  }
}

TEST_F(DeepSpeed, AnIndexOfShardsGoesBeforeModelStatesAlone) {
  Module("00", {{"a", {2}}}, 1);
  WriteText(folder_ / "pytorch_model.bin.index.json", R"({"weight_map": {}})");
  EXPECT_NE(Open().format, "deepspeed");
}

TEST_F(DeepSpeed, FilesThatAreNearlyOfARankDoNotTakeItsPlace) {
  Rank("00", {{"a", {1}}}, 1);
  const Code other = Named({{"other", TensorV2(StorageCode("HalfStorage", "0", 2), {1}, {1})}});
  Save("mp_rank_00_backup_model_states.pt", other, {0});
  std::filesystem::rename(folder_ / "zero_pp_rank_0_mp_rank_00_optim_states.pt",
                          folder_ / "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt");
  Save("zero_pp_rank_0_mp_rank_00_optim_states.pt", Named({{"optimizer_state_dict", Named({})}}));
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[1] 1.0");
  EXPECT_NE(FindTensor(model, "mp_rank_00_backup_model_states.other"), nullptr);
  EXPECT_EQ(FindDeepSpeedFiles(folder_.path())->others.size(), 2u);
}

// Real ones have more ranks than a process may have files open.
TEST_F(DeepSpeed, MoreFilesThanMayBeOpen) {
  constexpr int kRanks = 60;
  Groups(3, {{{"a", {kRanks}}}});
  std::string expected = "float32[60]";
  for (int rank = 0; rank < kRanks; ++rank) {
    Share(rank, 3, {1}, static_cast<float>(rank));
    expected += " " + std::to_string(rank) + ".0";
  }
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit few = before;
  few.rlim_cur = 40;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), expected);
  EXPECT_THAT(CodesOf(model), testing::IsEmpty());
  // Opened again, it is no longer the file that was looked at.
  Share(0, 3, {1}, 7);
  Share(59, 3, {1}, 7);
  EXPECT_THAT(Describe(model, "a"), testing::HasSubstr("changed"));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
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
