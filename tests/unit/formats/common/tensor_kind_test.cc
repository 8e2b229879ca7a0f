#include "lib/formats/common/tensor_kind.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(KindByName, RunningStatisticsAreBuffersUnderAnyName) {
  EXPECT_EQ(KindByName("bn.running_mean", DType::kFloat32), TensorKind::kBuffer);
  EXPECT_EQ(KindByName("running_var", DType::kFloat32), TensorKind::kBuffer);
  EXPECT_EQ(KindByName(R"(["block1-0.bn.running_mean"])", DType::kFloat32), TensorKind::kBuffer);
  EXPECT_EQ(KindByName(R"(["block1-0.bn.weight"])", DType::kFloat32), TensorKind::kParameter);
  EXPECT_EQ(KindByName("not_running_mean", DType::kFloat32), TensorKind::kParameter);
  EXPECT_EQ(KindByName("layers.0.rotary_emb.inv_freq", DType::kFloat32), TensorKind::kBuffer);
  EXPECT_EQ(KindByName("positions", DType::kInt64), TensorKind::kBuffer);
}

}  // namespace
}  // namespace pthview
