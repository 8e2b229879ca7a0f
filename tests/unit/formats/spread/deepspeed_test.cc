// DeepSpeed folders of several model-parallel ranks that lie or lack something. What right ones give is in
// tests/conformance (test_spread.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/formats/spread/deepspeed_folder.h"

namespace pthview {
namespace {

using namespace deepspeed;  // NOLINT(google-build-using-namespace)
using testing::Contains;

using DeepSpeed = FolderTest;

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
  EXPECT_THAT(CodesOf(model), testing::UnorderedElementsAre("mp-joined", "mp-mean", "mp-replicated", "zero-optimizer"));
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

TEST_F(DeepSpeed, VocabularyPadding) {
  struct {
    Pairs info;
    const char* expected;
    const char* said;
  } const cases[] = {
      {{{"original_vocab_size", Int(3)}}, "float32[3, 1] 0.0 1.0 4.0", "of 4 rows the last 1 are padding"},
      {{{"original_vocab_size", Int(-1)}}, "float32[4, 1] 0.0 1.0 4.0 5.0", "is -1, which is no number of its rows"},
      {{{"original_vocab_size", Int(9)}}, "float32[4, 1] 0.0 1.0 4.0 5.0", "is 9, which is no number of its rows"},
      {{}, "float32[4, 1] 0.0 1.0 4.0 5.0", "original_vocab_size is not in the file"},
  };
  for (const auto& c : cases) {
    Pairs info = c.info;
    info.emplace_back("vocabulary_parameter_patterns", Texts({"a"}));
    Rank("00", {{"a", {2, 1}}}, 0, Info(info));
    Rank("01", {{"a", {2, 1}}}, 4, Info(info));
    Model model = Open();
    EXPECT_EQ(Describe(model, "a"), c.expected);
    EXPECT_THAT(model.findings, Contains(testing::Field(&Finding::text, testing::HasSubstr(c.said))));
  }
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

}  // namespace
}  // namespace pthview
