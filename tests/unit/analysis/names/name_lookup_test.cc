#include "lib/analysis/names/name_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/analysis/names/glob.h"
#include "lib/analysis/names/state_name.h"
#include "lib/analysis/names/suggest.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ModelFixture;
using How = Lookup::How;

ModelFixture Checkpoint() {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "state_dict");
  fixture.Add("module.conv1.weight", {2});   // 0
  fixture.Add("module.conv1.bias", {2});     // 1
  fixture.Add("module.conv10.weight", {2});  // 2
  fixture.AddPart(PartKind::kOptimizer, "optimizer");
  fixture.Add("exp_avg", {2});  // 3
  fixture.AddPlain("epoch", "7");
  fixture.AddPlain("args.lr", "0.1");
  fixture.AddPlain("args.milestones[0]", "5");
  return fixture;
}

TEST(FindByName, ExactNamesAndPathsComeFirst) {
  ModelFixture fixture = Checkpoint();
  Lookup name = FindByName(fixture.model, "module.conv1.weight");
  EXPECT_EQ(name.how, How::kName);
  EXPECT_THAT(name.tensors, ElementsAre(0));
  EXPECT_EQ(name.explanation, "");
  Lookup path = FindByName(fixture.model, "state_dict.module.conv1.bias");
  EXPECT_EQ(path.how, How::kPath);
  EXPECT_THAT(path.tensors, ElementsAre(1));
  Lookup plain = FindByName(fixture.model, "epoch");
  EXPECT_EQ(plain.how, How::kPath);
  EXPECT_THAT(plain.plain, ElementsAre(0));
  // An exact path with brackets is no pattern.
  EXPECT_EQ(FindByName(fixture.model, "args.milestones[0]").how, How::kPath);
}

TEST(FindByName, TensorsBehindOthersHaveTheirPath) {
  ModelFixture fixture = Checkpoint();
  Tensor values = fixture.model.tensors[0];
  values.path = "state_dict.module.conv1.weight.values";
  values.part = 0;
  fixture.model.components.push_back(values);
  for (std::string_view query : {"state_dict.module.conv1.weight.values", "module.conv1.weight.values"}) {
    Lookup found = FindByName(fixture.model, query);
    EXPECT_THAT(found.components, ElementsAre(0)) << query;
    EXPECT_EQ(found.size(), 1U);
  }
  EXPECT_THAT(FindByName(fixture.model, "module.conv1").components, IsEmpty()) << "they come with their tensor";
}

TEST(FindByName, OnlyAmongWhatIsWanted) {
  ModelFixture fixture = Checkpoint();
  LookupAmong among{.tensors = [](const Tensor& tensor) { return tensor.name.ends_with("bias"); },
                    .plain = [](const PlainValue& plain) { return plain.path != "epoch"; }};
  EXPECT_THAT(FindByName(fixture.model, "module.conv1", among).tensors, ElementsAre(1));
  EXPECT_EQ(FindByName(fixture.model, "epoch", among).size(), 0U);
  EXPECT_THAT(FindByName(fixture.model, "args.lr", among).plain, ElementsAre(1));
}

TEST(FindByName, AModuleIsEverythingBelowIt) {
  ModelFixture fixture = Checkpoint();
  Lookup module = FindByName(fixture.model, "module.conv1");
  EXPECT_EQ(module.how, How::kModule);
  EXPECT_THAT(module.tensors, ElementsAre(0, 1));
  Lookup dict = FindByName(fixture.model, "args");
  EXPECT_EQ(dict.how, How::kModule);
  EXPECT_THAT(dict.plain, ElementsAre(1, 2));
  EXPECT_EQ(dict.explanation, "'args' holds 2 values");
}

TEST(FindByName, TheWrappersPrefixMayBeLeftOut) {
  ModelFixture fixture = Checkpoint();
  Lookup module = FindByName(fixture.model, "conv1");
  EXPECT_EQ(module.how, How::kPrefixedModule);
  EXPECT_THAT(module.tensors, ElementsAre(0, 1));
  EXPECT_EQ(module.explanation, "'conv1' found as 'module.conv1', which holds 2 tensors");
  Lookup name = FindByName(fixture.model, "conv1.bias");
  EXPECT_EQ(name.how, How::kPrefixed);
  EXPECT_THAT(name.tensors, ElementsAre(1));
  EXPECT_EQ(name.explanation, "'conv1.bias' found as 'module.conv1.bias'");
}

TEST(FindByName, ThenPatternsThenSubstrings) {
  ModelFixture fixture = Checkpoint();
  Lookup glob = FindByName(fixture.model, "*.weight");
  EXPECT_EQ(glob.how, How::kGlob);
  EXPECT_THAT(glob.tensors, ElementsAre(0, 2));
  Lookup part = FindByName(fixture.model, "1.b");
  EXPECT_EQ(part.how, How::kSubstring);
  EXPECT_THAT(part.tensors, ElementsAre(1));
  EXPECT_EQ(part.explanation, "no exact match for '1.b'; it is in the names of 1 tensor");
  Lookup none = FindByName(fixture.model, "conv2");
  EXPECT_EQ(none.how, How::kNone);
  EXPECT_EQ(none.size(), 0U);
}

TEST(SuggestNames, LooksAtTensorsValuesAndPaths) {
  ModelFixture fixture = Checkpoint();
  EXPECT_THAT(SuggestNames(fixture.model, "exp_agv"), ElementsAre("exp_avg"));
  EXPECT_THAT(SuggestNames(fixture.model, "arg.lr"), ElementsAre("args.lr"));
  EXPECT_EQ(SuggestNames(fixture.model, "module.conv1.wieght").at(0), "module.conv1.weight");
}

TEST(GlobMatches, LikeAShell) {
  struct Row {
    std::string_view pattern;
    std::string_view text;
    bool matches;
  };
  for (const Row& row : std::vector<Row>{{"*", "", true},
                                         {"a*c", "abbc", true},
                                         {"a*c", "abcb", false},
                                         {"*.w*t", "a.b.weight", true},
                                         {"a?c", "abc", true},
                                         {"a?c", "ac", false},
                                         {"l[0-2].w", "l1.w", true},
                                         {"l[0-2].w", "l3.w", false},
                                         {"l[!0-2].w", "l3.w", true},
                                         {"l[]x].w", "l].w", true},
                                         {"l[0", "l[0", true},
                                         {"l[0].w", "l[0].w", true},  // an index of a list in a path
                                         {"l[0]*", "l[0][1]", true},
                                         {"l[0].w", "l[1].w", false},
                                         {"a**b", "ab", true},
                                         {"", "a", false}}) {
    EXPECT_EQ(GlobMatches(row.pattern, row.text), row.matches) << row.pattern << " " << row.text;
  }
}

std::vector<std::string> SuggestFrom(std::string_view query, std::vector<std::string_view> candidates) {
  return Suggest(query, candidates);
}

TEST(Suggest, NearestFirstWithinAThird) {
  EXPECT_THAT(SuggestFrom("lsit", {"info", "list", "tree", "plugins"}), ElementsAre("list"));
  EXPECT_THAT(SuggestFrom("convret", {"serve", "convert", "conver"}), ElementsAre("convert", "conver"));
  EXPECT_THAT(SuggestFrom("--jsn", {"--json", "--part", "--hash"}), ElementsAre("--json"));
  EXPECT_THAT(SuggestFrom("FC.Weight", {"fc.weight"}), ElementsAre("fc.weight"));
  EXPECT_THAT(SuggestFrom("zzzz", {"list", "tree"}), IsEmpty());
  EXPECT_THAT(SuggestFrom("", {"list"}), IsEmpty());
  EXPECT_THAT(SuggestFrom("abcdef", {"abcxyz"}), IsEmpty());
}

TEST(Suggest, CountsEachEditWhereverItStands) {
  const std::string_view name = "layer1.0.conv1.weight";
  for (size_t i = 0; i < name.size(); ++i) {
    std::string without(name);
    without.erase(i, 1);
    EXPECT_THAT(SuggestFrom(without, {name}), ElementsAre(name));
    std::string more(name);
    more.insert(i, "###");
    EXPECT_THAT(SuggestFrom(more, {name}), ElementsAre(name)) << more;
  }
  EXPECT_THAT(SuggestFrom("12" + std::string(name) + "3456", {name}), ElementsAre(name));
  EXPECT_THAT(SuggestFrom("12345" + std::string(name) + "6789", {name}), IsEmpty());
}

TEST(StateName, IsTheParametersAndFindsTheState) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "model");
  fixture.Add("conv1.weight", {2, 3});
  fixture.AddPart(PartKind::kOptimizer, "optimizer");
  fixture.Add("state[0].exp_avg", {2, 3});
  EXPECT_EQ(StateName(fixture.model, fixture.model.tensors[1]), "");
  fixture.model.tensors[1].state_of = 0;
  EXPECT_EQ(StateName(fixture.model, fixture.model.tensors[0]), "");
  EXPECT_EQ(StateName(fixture.model, fixture.model.tensors[1]), "exp_avg of conv1.weight");
  EXPECT_EQ(StatesOf(fixture.model, 0), std::vector<Index>{1});
  Lookup lookup = FindByName(fixture.model, "exp_avg of conv1.weight");
  EXPECT_EQ(lookup.how, Lookup::How::kName);
  EXPECT_EQ(lookup.tensors, std::vector<Index>{1});
}

}  // namespace
}  // namespace pthview
