// The invariants of model.h, each broken once.
#include "lib/model/builder.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

using ::testing::ElementsAre;

class BuilderTest : public ::testing::Test {
 protected:
  BuilderTest() { storage_ = builder_.AddMemoryStorage("bytes", std::vector<std::byte>(24), DType::kFloat32, "cpu"); }

  Tensor Check(std::vector<int64_t> shape, std::vector<int64_t> strides = {}, int64_t offset = 0,
               DType dtype = DType::kFloat32) {
    return builder_.Check({.shape = shape, .strides = strides, .offset = offset, .storage = storage_, .dtype = dtype},
                          "here");
  }
  // Codes of the findings since the last call.
  std::vector<std::string> Codes() {
    std::vector<std::string> codes;
    for (const Finding& finding : std::move(builder_.findings()).Take()) codes.emplace_back(finding.code);
    builder_.findings() = Findings();
    return codes;
  }

  ModelBuilder builder_;
  Index storage_;
};

TEST_F(BuilderTest, ShapeAloneIsRowMajor) {
  Tensor tensor = Check({2, 1, 3});
  EXPECT_EQ(tensor.data, DataState::kPresent);
  EXPECT_THAT(tensor.strides, ElementsAre(3, 3, 1));
  EXPECT_EQ(tensor.numel, 6);
  EXPECT_TRUE(tensor.contiguous);
  EXPECT_TRUE(Codes().empty());
}

TEST_F(BuilderTest, StridesDecideWhetherItIsContiguous) {
  EXPECT_TRUE(Check({2, 3}, {3, 1}).contiguous);
  EXPECT_TRUE(Check({2, 1, 3}, {3, 99, 1}).contiguous) << "the stride of a single row means nothing";
  EXPECT_FALSE(Check({3, 2}, {1, 3}).contiguous);
  EXPECT_FALSE(Check({2, 2}, {3, 1}).contiguous) << "a gap";
  EXPECT_FALSE(Check({6}, {0}).contiguous);
  EXPECT_TRUE(Codes().empty());
}

TEST_F(BuilderTest, LastElementMustLieInTheStorage) {
  EXPECT_EQ(Check({6}).data, DataState::kPresent);
  EXPECT_EQ(Check({1}, {1}, 5).data, DataState::kPresent);
  EXPECT_EQ(Check({2, 3}, {0, 2}, 1).data, DataState::kPresent);
  EXPECT_TRUE(Codes().empty());
  EXPECT_EQ(Check({7}).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({1}, {1}, 6).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({3}, {-1}, 1).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({1}, {1}, -1).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({4}, {}, 0, DType::kFloat64).data, DataState::kOutOfBounds);
  EXPECT_THAT(Codes(),
              ElementsAre("tensor-outside", "tensor-outside", "tensor-outside", "tensor-outside", "tensor-outside"));
}

TEST_F(BuilderTest, NegativeStridesMayStayInside) {
  Tensor tensor = Check({6}, {-1}, 5);
  EXPECT_EQ(tensor.data, DataState::kPresent);
  EXPECT_FALSE(tensor.contiguous);
}

TEST_F(BuilderTest, WhatOverflowsIsRefused) {
  EXPECT_EQ(Check({INT64_MAX, 2}, {1, 1}).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({-1}, {1}).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({INT64_MAX}, {1}).data, DataState::kOutOfBounds) << "its bytes do not fit";
  EXPECT_EQ(Check({2}, {INT64_MAX}, 1).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({3}, {INT64_MAX}).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({2}, {INT64_MIN}).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({1}, {1}, INT64_MAX).data, DataState::kOutOfBounds);
  EXPECT_EQ(Codes().size(), 7U);
}

TEST_F(BuilderTest, EmptyTensorsPointNowhereAndAreWhole) {
  Tensor tensor = Check({0, 1LL << 62, 1LL << 62}, {}, 1000);
  EXPECT_EQ(tensor.data, DataState::kPresent);
  EXPECT_EQ(tensor.numel, 0);
  EXPECT_EQ(tensor.strides.size(), 3U);
  EXPECT_TRUE(Codes().empty());
}

TEST_F(BuilderTest, RankAndStridesMustFit) {
  EXPECT_EQ(Check(std::vector<int64_t>(1025, 1)).data, DataState::kOutOfBounds);
  EXPECT_EQ(Check({2, 3}, {1}).data, DataState::kOutOfBounds);
  EXPECT_THAT(Codes(), ElementsAre("tensor-rank", "tensor-strides"));
}

TEST_F(BuilderTest, WithoutBytesItIsMissing) {
  Index nothing = builder_.AddStorage({.dtype = DType::kFloat32, .key = "7"});
  std::vector<int64_t> shape = {2};
  EXPECT_EQ(builder_.Check({.shape = shape, .storage = nothing, .dtype = DType::kFloat32}, "x").data,
            DataState::kMissing);
  EXPECT_EQ(builder_.Check({.shape = shape, .dtype = DType::kFloat32}, "x").data, DataState::kMissing);
  EXPECT_EQ(Check({2}, {1}, 0, DType::kUnknown).data, DataState::kMissing);
  EXPECT_THAT(Codes(), ElementsAre("tensor-missing", "tensor-missing", "tensor-dtype"));
}

TEST_F(BuilderTest, MetaTensorsNeverHadAny) {
  std::vector<int64_t> shape = {1LL << 40};
  Tensor tensor = builder_.Check({.shape = shape, .dtype = DType::kFloat32, .meta = true, .device = "meta"}, "x");
  EXPECT_EQ(tensor.data, DataState::kMeta);
  EXPECT_EQ(tensor.numel, 1LL << 40);
  EXPECT_TRUE(Codes().empty());
}

TEST_F(BuilderTest, ShapesOutliveWhatTheyWereMadeFrom) {
  Tensor tensor;
  {
    std::vector<int64_t> shape = {2, 3};
    tensor = builder_.Check({.shape = shape, .storage = storage_, .dtype = DType::kFloat32}, "x");
    shape.assign(2, -1);
  }
  EXPECT_THAT(tensor.shape, ElementsAre(2, 3));
}

TEST_F(BuilderTest, ComponentsAreFoundAgain) {
  Tensor tensor = Check({2});
  Index first = builder_.AddComponent(Check({1}));
  Index second = builder_.AddComponent(Check({3}));
  std::vector<Component> components = {{"indices", first}, {"values", second}};
  builder_.Attach(tensor, components);
  builder_.AddTensor(tensor);
  Model model = std::move(builder_).Finish();
  auto found = model.ComponentsOf(model.tensors[0]);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].name, "values");
  EXPECT_EQ(model.components[found[1].tensor].numel, 3);
  EXPECT_TRUE(model.ComponentsOf(model.components[0]).empty());
}

}  // namespace
}  // namespace pthview
