#include <gtest/gtest.h>

#include "lib/analysis/summary/parameter_counts.h"
#include "lib/analysis/summary/what_it_is.h"
#include "lib/analysis/summary/written_values.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using testing::ModelFixture;

void AddInt(ModelFixture& fixture, std::string_view path, std::string_view text) {
  fixture.AddPlain(path, text);
  fixture.model.plain.back().kind = PlainKind::kInt;
}

void AddRoot(ModelFixture& fixture, std::string_view class_name) {
  fixture.model.parts.back().root = static_cast<Index>(fixture.model.modules.size());
  fixture.model.modules.push_back({.class_name = class_name, .origin = Origin::kRecorded});
}

TEST(WhatItIs, AStateDict) {
  ModelFixture fixture;
  fixture.Add("fc.weight", {2, 3});
  EXPECT_EQ(WhatItIs(fixture.model), "a state_dict");
}

TEST(WhatItIs, AWholeModel) {
  ModelFixture fixture;
  fixture.Add("fc.weight", {2, 3});
  AddRoot(fixture, "torchvision.models.resnet.ResNet");
  EXPECT_EQ(WhatItIs(fixture.model), "a whole model of class ResNet (torchvision.models.resnet)");
}

TEST(WhatItIs, AScript) {
  ModelFixture fixture;
  fixture.Add("fc.weight", {2, 3});
  AddRoot(fixture, "__torch__.models.___torch_mangle_12.Net");
  EXPECT_EQ(WhatItIs(fixture.model), "a TorchScript program of class Net (models)");
}

TEST(WhatItIs, ACheckpoint) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "state_dict");
  fixture.Add("fc.weight", {2, 3});
  fixture.AddPart(PartKind::kOptimizer, "optimizer");
  fixture.Add("state[0].exp_avg", {2, 3});
  AddInt(fixture, "epoch", "30");
  AddInt(fixture, "global_step", "1200");
  AddInt(fixture, "optimizer.state[0].step", "7");
  EXPECT_EQ(WhatItIs(fixture.model), "a training checkpoint at epoch 30, step 1200, with a model and an optimizer");
}

TEST(WhatItIs, AStateDictUnderAKey) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "state_dict");
  fixture.Add("fc.weight", {2, 3});
  EXPECT_EQ(WhatItIs(fixture.model), "a state_dict, under 'state_dict'");
}

TEST(WhatItIs, AdaptersOnlyWhenAllAre) {
  ModelFixture fixture;
  fixture.Add("q.lora_A.weight", {2, 3});
  fixture.Add("q.lora_B.weight", {3, 2});
  EXPECT_EQ(WhatItIs(fixture.model), "a state_dict of LoRA adapters");
  fixture.Add("q.weight", {3, 2});
  EXPECT_EQ(WhatItIs(fixture.model), "a state_dict");
}

TEST(WhatItIs, Nothing) {
  ModelFixture fixture;
  EXPECT_EQ(WhatItIs(fixture.model), "nothing: no tensors and no values");
  fixture.AddPart(PartKind::kOther, "");
  fixture.AddPlain("a", "1");
  EXPECT_EQ(WhatItIs(fixture.model), "plain values, no tensors");
}

TEST(CountParameters, AsTorchCounts) {
  ModelFixture fixture;
  fixture.Add("a", {2, 3});
  fixture.Add("b", {5});
  fixture.Add("c", {5});
  fixture.Add("running_mean", {7});
  for (Tensor& tensor : fixture.model.tensors) tensor.kind = TensorKind::kParameter;
  fixture.model.tensors[0].requires_grad = true;
  fixture.model.tensors[1].requires_grad = false;
  fixture.model.tensors[2].requires_grad = false;
  fixture.model.tensors[1].tied = fixture.model.tensors[2].tied = 1;
  fixture.model.tensors[3].kind = TensorKind::kBuffer;
  ParameterCounts counts = CountParameters(fixture.model, 0);
  EXPECT_EQ(counts.all, 11U);
  EXPECT_EQ(counts.tied, 1U);
  EXPECT_FALSE(counts.says_trainable) << "a state_dict";
  AddRoot(fixture, "Net");
  counts = CountParameters(fixture.model, 0);
  EXPECT_TRUE(counts.says_trainable);
  EXPECT_EQ(counts.trainable, 6U);
  EXPECT_EQ(counts.frozen, 5U);
}

TEST(RankOf, WhatPeopleWroteAndWhatTheyDidNot) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kOther, "");
  struct Case {
    std::string_view path;
    ValueRank rank;
  };
  const Case cases[] = {
      {"epoch", ValueRank::kProgress},
      {"best_acc1", ValueRank::kResult},
      {"best_model.epoch", ValueRank::kResult},
      {"args.epochs", ValueRank::kSetting},
      {"hyper_parameters.lr", ValueRank::kSetting},
      {"arch", ValueRank::kSetting},
      {"notes", ValueRank::kOther},
      {"state_dict._metadata[\"conv1\"].version", ValueRank::kBookkeeping},
      {"loops.fit_loop.epoch_progress.total", ValueRank::kBookkeeping},
  };
  for (const Case& one : cases) {
    fixture.AddPlain(one.path, "1");
    fixture.model.plain.back().kind = PlainKind::kInt;
    EXPECT_EQ(RankOf(fixture.model, fixture.model.plain.back()), one.rank) << one.path;
  }
  auto ranked = RankValues(fixture.model);
  EXPECT_EQ(fixture.model.plain[ranked.front().plain].path, "epoch");
}

}  // namespace
}  // namespace pthview
