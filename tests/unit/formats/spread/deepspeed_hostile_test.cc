// DeepSpeed folders that lie, or ask for far more work or memory than their size explains.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/formats/spread/deepspeed_folder.h"

namespace pthview {
namespace {

using namespace deepspeed;  // NOLINT(google-build-using-namespace)
using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

class DeepSpeedHostile : public FolderTest {
 protected:
  // A module on each of two ranks, with what universal_checkpoint_info says.
  void TwoModules(const Code& tensor, const Pairs& info) {
    for (const char* rank : {"00", "01"}) {
      Save(std::string("mp_rank_") + rank + "_model_states.pt",
           Named({{"module", Named({{"a", tensor}})}, {"universal_checkpoint_info", Named(info)}}), {1, 2, 3, 4});
    }
  }

  static Code Affine(const std::vector<int64_t>& whole, const std::vector<int64_t>& slice, const Code& pieces) {
    Code ranks = Dict({{Int(0), Named({{"shard_shape", Ints(slice)}, {"pieces", pieces}})}});
    Code map = Named({{"logical_shape", Ints(whole)}, {"ranks", ranks}});
    return Named({{"version", Int(1)}, {"params", Named({{"a", map}})}});
  }

  static Code Piece(const std::vector<int64_t>& shape, Pairs more = {}) {
    more.emplace_back("shape", Ints(shape));
    for (const char* view : {"source", "dest"}) more.emplace_back(view, Tuple({Int(0), Ints({1})}));
    return Named(more);
  }

  static auto Says(const std::string& text) { return Contains(Field(&Finding::text, HasSubstr(text))); }
};

// `count` times what is first put, then got.
Code Repeated(const Code& value, size_t count) {
  Code items = value + Put(9);
  for (size_t i = 1; i < count; ++i) items += Get(9);
  return "](" + items + "e";
}

TEST_F(DeepSpeedHostile, ATensorThatCannotBeIsNotJoined) {
  const Code ranks =
      TensorV2(StorageCode("FloatStorage", "0", 4), std::vector<int64_t>(1025, 1), std::vector<int64_t>(1025, 1));
  TwoModules(ranks, {{"parameter_to_average_patterns", Texts({"a"})}});
  EXPECT_THAT(Open().findings, Says("or no data"));
  const std::vector<int64_t> huge = {int64_t{1} << 62};
  TwoModules(TensorV2(StorageCode("FloatStorage", "0", 4), huge, {1}),
             {{"affine_map", Affine({1}, huge, List({Piece({1})}))}});
  EXPECT_THAT(Open().findings, Says("or no data"));
}

TEST_F(DeepSpeedHostile, SlicesWhoseBytesSayNotAllAreNotJoined) {
  const Code quantised =
      Reduce(Global("torch._utils", "_rebuild_qtensor"),
             {StorageCode("QInt8Storage", "0", 2), Int(0), Ints({2}), Ints({1}),
              Tuple({Global("torch", "per_tensor_affine"), Float(0.5), Int(0)}), Bool(false), OrderedDict()});
  TwoModules(quantised, {});
  Model model = Open();
  EXPECT_EQ(FindTensor(model, "a"), nullptr);
  EXPECT_NE(FindTensor(model, "mp_rank_01.a"), nullptr);
  EXPECT_THAT(model.findings, Says("quantised"));
}

TEST_F(DeepSpeedHostile, WhatAPickleNamesAgainAndAgainIsNotKept) {
  Pairs parts = {{"parameter_with_sub_params",
                  List({Named({{"patterns", Texts({"a"})}, {"partition_dim", Int(0)}, {"shape", Ints({2})}})})},
                 {"sub_param_shard_widths", Named({{"a", Repeated(Ints(std::vector<int64_t>(100'000, 1)), 5'000)}})}};
  TwoModules(TensorV2(StorageCode("FloatStorage", "0", 4), {2}, {1}), parts);
  EXPECT_THAT(Open().findings, Says("widths are none"));

  Pairs names;
  for (int i = 0; i < 1000; ++i) names.emplace_back("name" + std::to_string(i), Size({1}));
  std::filesystem::remove(folder_ / "mp_rank_01_model_states.pt");
  Rank("00", {{"a", {1}}}, 1);
  Save("mp_rank_00_model_states.pt", Named({{"param_shapes", Repeated(Named(names), 1000)}}));
  auto model = OpenModel(folder_.path());
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("again and again"));

  Save("mp_rank_00_model_states.pt", Named({{"param_shapes", Named({{"a", Size(std::vector<int64_t>(1025, 1))}})}}));
  EXPECT_FALSE(OpenModel(folder_.path()));
}

TEST_F(DeepSpeedHostile, AffineMapsEndWhereTheyTakeTooLong) {
  const Code tensor = TensorV2(StorageCode("FloatStorage", "0", 4), {2}, {1});
  const Code held = Piece({1}, {{"locations", Repeated(Int(0), 20'000)}});
  TwoModules(tensor, {{"affine_map", Affine({4}, {2}, Repeated(held, 20'000))}});
  EXPECT_THAT(Open().findings, Says("more pieces than any real ones"));
  TwoModules(tensor, {{"affine_map", Affine({4}, {2}, Repeated(Piece({1}), 200'000))}});
  EXPECT_THAT(Open().findings, Says("more slices than any real ones"));
  TwoModules(tensor, {{"affine_map", Affine({4}, {2}, Repeated(Piece({1}), 2))}});
  EXPECT_THAT(Open().findings, Says("leave some of it out"));
  TwoModules(tensor, {{"affine_map", Int(1)}});
  EXPECT_THAT(Open().findings, Says("affine_map without params"));
}

TEST_F(DeepSpeedHostile, AnAffineMapJoinsWhatItSays) {
  const Code tensor = TensorV2(StorageCode("FloatStorage", "0", 4), {2}, {1});
  Code second = Named({{"shape", Ints({2})},
                       {"source", Tuple({Int(0), Ints({1})})},
                       {"dest", Tuple({Int(0), Ints({1})})},
                       {"scale", Float(1.0)}});
  Code first =
      Named({{"shape", Ints({2})}, {"source", Tuple({Int(2), Ints({1})})}, {"dest", Tuple({Int(0), Ints({1})})}});
  auto ranks = [&](const Code& of_second) {
    Code held = Dict({{Int(0), Named({{"shard_shape", Ints({2})}, {"pieces", List({first})}})},
                      {Int(1), Named({{"shard_shape", Ints({2})}, {"pieces", List({of_second})}})}});
    Code map = Named({{"logical_shape", Ints({4})}, {"ranks", held}});
    return Pairs{{"affine_map", Named({{"version", Int(1)}, {"params", Named({{"a", map}})}})}};
  };
  TwoModules(tensor, ranks(second));
  Save("mp_rank_01_model_states.pt",
       Named({{"module", Named({{"a", tensor}})}, {"universal_checkpoint_info", Named(ranks(second))}}), {5, 6, 7, 8});
  EXPECT_EQ(Describe(Open(), "a"), "float32[4] 5.0 6.0 1.0 2.0");
  Code scaled = Named({{"shape", Ints({2})},
                       {"source", Tuple({Int(0), Ints({1})})},
                       {"dest", Tuple({Int(0), Ints({1})})},
                       {"scale", Float(2.0)}});
  TwoModules(tensor, ranks(scaled));
  EXPECT_THAT(Open().findings, Says("scales it"));
}

TEST_F(DeepSpeedHostile, RanksOfAnotherStageOrWithOtherPaddingsAreNotMixed) {
  Groups(1, {{{"a", {4}}}});
  Share(0, 1, {2}, 1);
  Share(1, 3, {2}, 5);
  Model model = Open();
  EXPECT_EQ(Describe(model, "a"), "float32[4] missing");
  EXPECT_THAT(model.findings, Says("it says ZeRO stage 3, and ranks before it stage 1"));
  for (int second : {0, 1}) {
    Share(0, 1, {2}, 1, {{"param_alignment_paddings", List({Ints({0})})}});
    Share(1, 1, {2}, 3, {{"param_alignment_paddings", List({Ints({second})})}});
    EXPECT_EQ(Describe(Open(), "a"), second == 0 ? "float32[4] 1.0 2.0 3.0 4.0" : "float32[4] missing");
  }
  EXPECT_THAT(Open().findings, Says("different paddings"));
  for (int rank : {0, 1}) Share(rank, 1, {2}, 1, {{"param_alignment_paddings", List({Ints({-1})})}});
  EXPECT_THAT(Open().findings, Says("negative padding"));
}

TEST_F(DeepSpeedHostile, FrozenParametersAreOfTheirShapeAndWhole) {
  struct {
    int stage;
    std::vector<int64_t> fragment;
    bool good;
  } const cases[] = {{1, {3, 1}, true}, {1, {1, 3}, false}, {1, {4}, false},
                     {3, {3}, true},    {3, {2}, false},    {3, {4}, false}};
  for (const auto& c : cases) {
    std::vector<int64_t> strides(c.fragment.size(), 1);
    Code fragment = TensorV2(StorageCode("FloatStorage", "0", 4), c.fragment, strides);
    const std::string prefix = c.stage == 3 ? "zero_pp_rank_0_" : "";
    Share(0, c.stage, {1}, 9);
    Save(prefix + "mp_rank_00_model_states.pt",
         Named({{"param_shapes", List({Named({{"b", Size({1})}})})},
                {"frozen_param_shapes", Named({{"a", Size({3, 1})}})},
                {"frozen_param_fragments", Named({{"a", fragment}})}}),
         {1, 2, 3, 4});
    Model model = Open();
    EXPECT_EQ(Describe(model, "a"), c.good ? "float32[3, 1] 1.0 2.0 3.0" : "float32[3, 1] missing") << c.stage;
    std::filesystem::remove(folder_ / (prefix + "mp_rank_00_model_states.pt"));
  }
}

TEST_F(DeepSpeedHostile, ALayerOfAnotherShapeIsNoCopy) {
  Rank("00", {{"1.a", {1}}}, 0);
  Save("layer_01-model_00-model_states.pt", Named({{"a", TensorV2(StorageCode("HalfStorage", "0", 2), {2}, {1})}}),
       {0});
  EXPECT_EQ(Open().tensors.size(), 2u);
}

TEST_F(DeepSpeedHostile, WhatIsNotListedIsSaid) {
  Module("00", {{"a", {2}}}, 1, {{"shared_params", Named({{"tied", Text("gone")}})}});
  EXPECT_THAT(Open().findings, Says("it is gone, which is not there"));
  Rank("00", {{"a", {1}}}, 1, {{"module", Named({{"b", Int(1)}})}, {"buffer_names", Texts({"b"})}});
  EXPECT_THAT(Open().findings, Contains(AllOf(Field(&Finding::code, "zero-buffer"), Field(&Finding::where, "b"))));
}

TEST_F(DeepSpeedHostile, SharesOfStageZeroAreShares) {
  Groups(0, {{{"a", {2}}}});
  Share(0, 0, {2}, 1);
  EXPECT_THAT(Open().format_text, HasSubstr("ZeRO stage 0"));
}

}  // namespace
}  // namespace pthview
