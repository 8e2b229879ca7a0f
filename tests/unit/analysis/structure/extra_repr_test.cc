#include "lib/analysis/structure/extra_repr.h"

#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using testing::ModelFixture;

// What torch itself prints of each class is compared in tests/conformance/test_print.py; here is what it is not asked.
class ExtraReprTest : public ::testing::Test {
 protected:
  Module& Make(std::string_view class_name, std::vector<Attribute> attributes, Origin origin = Origin::kRecorded) {
    fixture_.model.modules.push_back({.class_name = class_name, .origin = origin, .attributes = std::move(attributes)});
    return fixture_.model.modules.back();
  }
  std::string Text(const Module& module) {
    auto text = ExtraRepr(fixture_.model, module);
    return text ? *text : "(not known)";
  }
  ModelFixture fixture_;
};

TEST_F(ExtraReprTest, ARecordedModule) {
  Module& conv = Make("torch.nn.modules.conv.Conv2d", {{"in_channels", "3"},
                                                       {"out_channels", "8"},
                                                       {"kernel_size", "(3, 3)"},
                                                       {"stride", "(1, 1)"},
                                                       {"padding", "(0, 0)"},
                                                       {"dilation", "(1, 2)"},
                                                       {"groups", "1"},
                                                       {"padding_mode", "zeros"}});
  EXPECT_EQ(Text(conv), "3, 8, kernel_size=(3, 3), stride=(1, 1), dilation=(1, 2), bias=False");
  conv.tensors.push_back(fixture_.Add("features.0.bias", {8}));
  EXPECT_EQ(Text(conv), "3, 8, kernel_size=(3, 3), stride=(1, 1), dilation=(1, 2)");
}

TEST_F(ExtraReprTest, WhatTorchWouldPrintAndTheFileLacks) {
  EXPECT_EQ(Text(Make("torch.nn.modules.linear.Linear", {{"in_features", "3"}})), "(not known)");
  EXPECT_EQ(Text(Make("Linear", {{"in_features", "3"}}, Origin::kInferred)), "in_features=3, bias=False");
  EXPECT_EQ(Text(Make("__torch__.torch.nn.modules.linear.Linear", {{"in_features", "3"}})),
            "in_features=3, bias=False");
}

TEST_F(ExtraReprTest, AValueWithoutItsNameNeverTakesAnothersPlace) {
  EXPECT_EQ(Text(Make("GroupNorm", {{"num_channels", "8"}}, Origin::kInferred)), "num_channels=8, bias=False");
  EXPECT_EQ(Text(Make("Conv2d", {{"in_channels", "3 per group"}, {"out_channels", "8"}, {"kernel_size", "(3, 3)"}},
                      Origin::kInferred)),
            "in_channels=3 per group, out_channels=8, kernel_size=(3, 3), bias=False");
}

TEST_F(ExtraReprTest, ClassesOfOthersThatAreCalledAlike) {
  EXPECT_EQ(Text(Make("mymodel.Linear", {{"in_features", "3"}})), "(not known)");
  EXPECT_EQ(Text(Make("torch.ao.nn.quantized.modules.linear.Linear", {{"in_features", "3"}})), "(not known)");
  EXPECT_EQ(Text(Make("bitsandbytes.Linear4bit", {{"in_features", "3"}}, Origin::kInferred)), "(not known)");
}

TEST_F(ExtraReprTest, ClassesThatDeriveFromTorchs) {
  std::vector<Attribute> attributes = {{"num_features", "4"},
                                       {"eps", "1e-05"},
                                       {"momentum", "0.1"},
                                       {"affine", "True"},
                                       {"track_running_stats", "True"}};
  EXPECT_EQ(Text(Make("timm.layers.BatchNormAct2d", attributes)),
            "4, eps=1e-05, momentum=0.1, affine=True, bias=False, track_running_stats=True");
  attributes.pop_back();
  EXPECT_EQ(Text(Make("my.Norm", attributes)), "(not known)");
}

TEST_F(ExtraReprTest, NumbersCompareAsInPython) {
  auto lstm = [&](std::string dropout, std::string proj) {
    return Text(Make(
        "torch.nn.modules.rnn.LSTM",
        {{"input_size", "3"}, {"hidden_size", "4"}, {"dropout", std::move(dropout)}, {"proj_size", std::move(proj)}}));
  };
  EXPECT_EQ(lstm("0.0", "0"), "3, 4");
  EXPECT_EQ(lstm("0", "0"), "3, 4");
  EXPECT_EQ(lstm("0.5", "2"), "3, 4, proj_size=2, dropout=0.5");
}

TEST(IsTorchClass, AlsoOfTorchScript) {
  EXPECT_TRUE(IsTorchClass("torch.nn.modules.conv.Conv2d"));
  EXPECT_TRUE(IsTorchClass("__torch__.torch.nn.modules.conv.Conv2d"));
  EXPECT_FALSE(IsTorchClass("__torch__.models.Net"));
  EXPECT_FALSE(IsTorchClass("torch.nnx.modules.Evil"));
  EXPECT_FALSE(IsTorchClass(""));
}

}  // namespace
}  // namespace pthview
