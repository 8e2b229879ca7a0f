// DeepSpeed folders: their files, what data-parallel ranks share out, and modules that are not shared out.
#include <sys/resource.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/formats/spread/deepspeed_files.h"
#include "tests/unit/formats/spread/deepspeed_folder.h"

namespace pthview {
namespace {

using namespace deepspeed;  // NOLINT(google-build-using-namespace)
using testing::Contains;

using DeepSpeedShares = FolderTest;

TEST_F(DeepSpeedShares, ASliceWithoutDataTakesItFromTheWhole) {
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

TEST_F(DeepSpeedShares, ExpertsThatAreSplitOverFewerRanksAreNotMixedUp) {
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

TEST_F(DeepSpeedShares, LayerFilesThatHoldTheSameAreNotListedAgain) {
  Rank("00", {{"1.a", {1}}}, 0);
  Code half = TensorV2(StorageCode("HalfStorage", "0", 2), {1}, {1});
  Save("layer_01-model_00-model_states.pt", Named({{"a", half}}), {0});
  Model model = Open();
  EXPECT_EQ(model.tensors.size(), 1u);
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-layer-files", "zero-optimizer"));
  Save("layer_01-model_00-model_states.pt", Named({{"b", half}}), {0});
  model = Open();
  EXPECT_EQ(model.tensors.size(), 2u);
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-other-files", "zero-optimizer"));
}

TEST_F(DeepSpeedShares, AFlatTensorThatIsMissingShiftsNoOther) {
  Groups(3, {{{"a", {2}}}, {{"b", {2}}}});
  Share(0, 3, {-1, 2}, 5);
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[2] missing");
  EXPECT_EQ(Describe(model, "b"), "float32[2] missing");
  EXPECT_THAT(CodesOf(model), Contains("zero-share"));
}

TEST_F(DeepSpeedShares, WhatARankThatIsMissingDoesNotHoldIsThere) {
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

TEST_F(DeepSpeedShares, StageThreeTakesAShareOfEachParameterFromEachRank) {
  Groups(3, {{{"a", {3, 2}}, {"b", {1}}}, {{"c", {5}}, {"none", {0}}}});
  for (int rank = 0; rank < 3; ++rank) Share(rank, 3, {3, 2}, static_cast<float>(10 * rank));
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[3, 2] 0.0 1.0 10.0 11.0 20.0 21.0");
  EXPECT_EQ(Describe(model, "b"), "float32[1] 2.0");
  EXPECT_EQ(Describe(model, "c"), "float32[5] 3.0 4.0 13.0 14.0 23.0");
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-optimizer"));
}

TEST_F(DeepSpeedShares, SharesOfAnotherSizeThanTheParametersHaveNoData) {
  for (int stage : {1, 3}) {
    SCOPED_TRACE(stage);
    std::filesystem::remove(folder_ / "mp_rank_00_model_states.pt");
    Groups(stage, {{{"a", {2}}, {"b", {2}}}});
    Share(0, stage, {10}, 1);
    Model model = Open();
    EXPECT_EQ(Describe(model, "a"), "float32[2] missing");
    EXPECT_THAT(CodesOf(model),
                testing::ElementsAre("zero-share", "tensor-missing", "tensor-missing", "zero-optimizer"));
  }
}

TEST_F(DeepSpeedShares, RanksThatAreMissingAreOneFinding) {
  Groups(1, {{{"a", {2}}}});
  Share(99'999, 1, {2}, 1);
  Model model = Open();
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("shard-missing", "tensor-missing", "zero-optimizer"));
  EXPECT_THAT(model.findings[0].text, testing::HasSubstr("rank 0 to 99998;"));
}

TEST_F(DeepSpeedShares, ExpertsOfStageThreeAreNotMixedUp) {
  Groups(3, {{{"a", {2}}}, {{"expert", {2}}}});
  for (int rank : {0, 1}) {
    Code counts = List({Named({{"partition_count", Int(2)}}), Named({{"partition_count", Int(1)}})});
    Share(rank, 3, {1, 2}, static_cast<float>(10 * rank), {{"ds_zero_partition_groups", counts}});
  }
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[2] 0.0 10.0");
  EXPECT_EQ(Describe(model, "expert"), "float32[2] missing");
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-experts", "tensor-missing", "zero-optimizer"));
}

TEST_F(DeepSpeedShares, LayersWithoutATensorRankAreOfAPipelineAlone) {
  Rank("00", {{"0.a", {1}}}, 1);
  Rank("01", {{"1.a", {1}}}, 2);
  Code half = TensorV2(StorageCode("HalfStorage", "0", 2), {1}, {1});
  for (const char* layer : {"00", "01"})
    Save(std::string("layer_") + layer + "-model_states.pt", Named({{"a", half}}), {0});
  Model model = Open();
  EXPECT_EQ(Describe(model, "0.a"), "float32[1] 1.0");
  EXPECT_EQ(Describe(model, "1.a"), "float32[1] 2.0");
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-layer-files", "zero-optimizer"));
}

TEST_F(DeepSpeedShares, WithoutSharesTheModuleIsListed) {
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

TEST_F(DeepSpeedShares, ModulesOfTensorParallelRanksAreJoinedToo) {
  for (bool info : {true, false}) {
    Module("00", {{"a", {1, 2}}, {"t", {2, 2}}}, 1, info ? Info({}) : Pairs{});
    Module("01", {{"a", {1, 2}}, {"t", {2, 2}}}, 11, info ? Info({}) : Pairs{});
    Model model = Open();
    EXPECT_EQ(Describe(model, info ? "a" : "mp_rank_00.a"),
              info ? "float32[2, 2] 1.0 2.0 11.0 12.0" : "float32[1, 2] 1.0 2.0");
    EXPECT_EQ(Describe(model, "mp_rank_01.t"), "float32[2, 2] 13.0 15.0 14.0 16.0");
  }
}

TEST_F(DeepSpeedShares, AnIndexOfShardsGoesBeforeModelStatesAlone) {
  Module("00", {{"a", {2}}}, 1);
  WriteText(folder_ / "pytorch_model.bin.index.json", R"({"weight_map": {}})");
  EXPECT_NE(Open().format, "deepspeed");
}

TEST_F(DeepSpeedShares, FilesThatAreNearlyOfARankDoNotTakeItsPlace) {
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

TEST_F(DeepSpeedShares, MoreFilesThanMayBeOpen) {
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
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("zero-optimizer"));
  // Opened again, it is no longer the file that was looked at.
  Share(0, 3, {1}, 7);
  Share(59, 3, {1}, 7);
  EXPECT_THAT(Describe(model, "a"), testing::HasSubstr("changed"));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(DeepSpeedShares, TellsFilesByTheirNames) {
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
