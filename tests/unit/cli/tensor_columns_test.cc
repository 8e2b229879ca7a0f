#include "tools/cli/tensor_columns.h"

#include <gtest/gtest.h>

#include "lib/base/display_width.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using testing::ModelFixture;

class TensorColumnsTest : public ::testing::Test {
 protected:
  Tensor& Add(std::string_view name, TensorKind kind, std::optional<bool> grad) {
    Tensor& tensor = fixture_.model.tensors[fixture_.Add(name, {64, 3, 7, 7})];
    tensor.kind = kind;
    tensor.requires_grad = grad;
    tensor.device = "cpu";
    return tensor;
  }
  ColumnPlan Plan(size_t width, bool recorded = false, Column sorted = Column::kName) {
    ColumnFacts facts;
    for (const Tensor& tensor : fixture_.model.tensors) facts.Add(tensor, tensor.name, tensor.nbytes());
    return PlanColumns(facts, width, sorted, recorded);
  }
  static size_t Taken(const ColumnPlan& plan) {
    size_t sum = plan.exceptions_behind ? 2 + plan.behind : 0;
    for (size_t c = 0; c < kColumns; ++c) sum += plan.shown[c] ? plan.width[c] + 2 : 0;
    return sum - 2;
  }
  ModelFixture fixture_;
};

TEST_F(TensorColumnsTest, AColumnOfOneValueIsASentence) {
  Add("a", TensorKind::kParameter, false);
  Add("b", TensorKind::kParameter, false);
  ColumnPlan plan = Plan(kNoWidthLimit);
  EXPECT_FALSE(plan.Has(Column::kDtype) || plan.Has(Column::kKind) || plan.Has(Column::kDevice));
  EXPECT_FALSE(plan.Has(Column::kGrad));
  EXPECT_TRUE(plan.Has(Column::kShape) && plan.Has(Column::kNumel) && plan.Has(Column::kBytes));
  EXPECT_EQ(plan.above,
            "All are float32 parameters on cpu. Which of them are trained (requires_grad) the file does not say.");
}

TEST_F(TensorColumnsTest, RequiresGradMeansSomethingInAWholeModel) {
  Add("a", TensorKind::kParameter, true);
  Add("b", TensorKind::kBuffer, false);
  EXPECT_EQ(Plan(kNoWidthLimit, true).above,
            "All are float32 on cpu. Parameters require a gradient, the others do not.");
  Add("c", TensorKind::kParameter, false);
  EXPECT_TRUE(Plan(kNoWidthLimit, true).Has(Column::kGrad));
}

TEST_F(TensorColumnsTest, NarrowTerminalsGiveColumnsUp) {
  Add("layer2.0.downsample.1.weight_with_a_long_name", TensorKind::kParameter, false);
  Add("layer2.0.downsample.1.num_batches_tracked", TensorKind::kBuffer, false).dtype = DType::kInt64;
  for (size_t width : {24, 30, 40, 60, 80}) {
    ColumnPlan plan = Plan(width);
    EXPECT_LE(Taken(plan), width);
    EXPECT_GE(plan.Width(Column::kName), 8U);
    EXPECT_TRUE(plan.exceptions_behind);
  }
  EXPECT_FALSE(Plan(120).exceptions_behind);
  EXPECT_TRUE(Plan(60, false, Column::kBytes).Has(Column::kBytes)) << "what rows are ordered by stays";
  EXPECT_FALSE(Plan(60).Has(Column::kBytes));
}

TEST_F(TensorColumnsTest, NoRows) { EXPECT_EQ(Plan(80).above, ""); }

}  // namespace
}  // namespace pthview
