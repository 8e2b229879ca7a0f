#include "lib/formats/torch/optimizer_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/model/builder.h"

namespace pthview {
namespace {

struct Row {
  Index part;
  const char* name;
  std::vector<int64_t> shape;
};

// Part 0 is the model, part 1 the optimizer.
Model ModelOf(const std::vector<Row>& rows) {
  ModelBuilder builder;
  builder.model().parts = {{.kind = PartKind::kModel, .path = "model"},
                           {.kind = PartKind::kOptimizer, .path = "optim"}};
  for (const Row& row : rows) {
    Tensor tensor = builder.Check({.shape = row.shape, .dtype = DType::kFloat32, .meta = true}, row.name);
    tensor.name = row.name;
    tensor.part = row.part;
    tensor.kind = row.part == 0 ? TensorKind::kParameter : TensorKind::kState;
    builder.AddTensor(tensor);
  }
  Model model = std::move(builder).Finish();
  NameOptimizerStates(model);
  return model;
}

std::vector<Finding> FindingsOf(const std::vector<Row>& rows) { return ModelOf(rows).findings; }

TEST(OptimizerNames, EachStateKnowsItsParameter) {
  Model model = ModelOf({{0, "fc.weight", {2, 3}},
                         {0, "fc.bias", {2}},
                         {1, "state[0].step", {}},
                         {1, "state[0].exp_avg", {2, 3}},
                         {1, "state[1].exp_avg", {2}}});
  EXPECT_EQ(model.tensors[0].state_of, kNone);
  EXPECT_EQ(model.tensors[2].state_of, 0u);
  EXPECT_EQ(model.tensors[3].state_of, 0u);
  EXPECT_EQ(model.tensors[4].state_of, 1u);
}

TEST(OptimizerNames, StatesThatDoNotFitBelongToNothing) {
  Model model = ModelOf({{0, "w", {2, 3}}, {0, "b", {2}}, {1, "state[0].m", {2}}, {1, "state[1].m", {2}}});
  EXPECT_EQ(model.tensors[2].state_of, kNone);
}

TEST(OptimizerNames, StatesThatAreFiledByName) {
  Model model = ModelOf({{0, "fc.weight", {2, 3}},
                         {1, "state.fc.weight.exp_avg", {2, 3}},
                         {1, "state.other.exp_avg", {2, 3}},
                         {1, "state.", {2}}});
  EXPECT_EQ(model.tensors[1].state_of, 0u);
  EXPECT_EQ(model.tensors[2].state_of, kNone);
  EXPECT_EQ(model.tensors[3].state_of, kNone);
}

TEST(OptimizerNames, AreTheParametersInOrder) {
  auto findings = FindingsOf({{0, "fc.weight", {2, 3}},
                              {0, "fc.bias", {2}},
                              {1, "state[0].step", {}},
                              {1, "state[0].exp_avg", {2, 3}},
                              {1, "state[1].exp_avg", {2}}});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "optimizer-names");
  EXPECT_EQ(findings[0].where, "optim");
  EXPECT_THAT(findings[0].text, testing::HasSubstr("state[1] that of fc.bias"));
}

TEST(OptimizerNames, NothingIsSaidWhenTheyDoNotFit) {
  EXPECT_TRUE(FindingsOf({{0, "w", {2, 3}}, {0, "b", {2}}, {1, "state[0].m", {2}}, {1, "state[1].m", {2}}}).empty());
  EXPECT_TRUE(FindingsOf({{0, "w", {2, 3}}, {1, "state[0].m", {2, 3}}, {1, "state[1].m", {2, 3}}}).empty());
  EXPECT_TRUE(FindingsOf({{0, "w", {2}}, {0, "b", {2}}, {1, "state[0].m", {2}}}).empty());  // fewer states
  EXPECT_TRUE(FindingsOf({{0, "w", {2}}, {1, "state[99999999999999999999].m", {2}}}).empty());
  EXPECT_TRUE(FindingsOf({{0, "w", {2}}, {1, "state[0].step", {}}}).empty());
}

}  // namespace
}  // namespace pthview
