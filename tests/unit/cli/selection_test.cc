#include "tools/cli/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ModelFixture;

// A constant of a script: in the file, in no state_dict.
class ConstantTest : public ::testing::Test {
 protected:
  ConstantTest() {
    Index constant = fixture_.AddValues<float>({1}, DType::kFloat32, {1});
    fixture_.model.tensors[constant].persistent = false;
  }

  ModelFixture fixture_;
  Arguments arguments_;
};

TEST_F(ConstantTest, IsLeftOutWithANote) {
  auto selection = SelectTensors(fixture_.model, arguments_);
  ASSERT_TRUE(selection);
  EXPECT_THAT(selection->tensors, IsEmpty());
  EXPECT_THAT(selection->notes,
              ElementsAre("left out: 1 tensor in no state_dict (constants and the like) (--all includes it)"));
}

TEST_F(ConstantTest, IsPartOfAllAndOfEverything) {
  auto everything = SelectTensors(fixture_.model, arguments_, Scope::kEverything);
  arguments_.Add("all", "1");
  auto all = SelectTensors(fixture_.model, arguments_);
  ASSERT_TRUE(everything && all);
  EXPECT_THAT(everything->tensors, ElementsAre(0));
  EXPECT_THAT(all->tensors, ElementsAre(0));
  EXPECT_THAT(all->notes, IsEmpty());
}

}  // namespace
}  // namespace pthview
