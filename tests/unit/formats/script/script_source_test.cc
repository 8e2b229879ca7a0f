#include "lib/formats/script/script_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::string_view kSource = R"(op_version_set = 1
class Conv2d(Module):
  __parameters__ = ["weight", "a\"b", ]
  __buffers__ = []
  weight : Tensor
  stride : Final[Tuple[int, int]] = (1, 1)
  groups : Final[int] = 2
  def forward(self: __torch__.Conv2d,
    x: Tensor) -> Tensor:
    __parameters__ = ["not this"]
    return x

def helper(x: Tensor) -> Tensor:
  __buffers__ = ["nor this"]
  return x
class Empty(Module):
  __parameters__ = []
  __buffers__ = ["running_mean"]
)";

TEST(ScriptSource, ReadsWhatAClassSaysOfItsAttributes) {
  auto classes = ParseScriptClasses(kSource);
  ASSERT_EQ(classes.size(), 2u);
  EXPECT_EQ(classes[0].name, "Conv2d");
  EXPECT_THAT(classes[0].parameters, ElementsAre("weight", "a\"b"));
  EXPECT_THAT(classes[0].buffers, IsEmpty());
  EXPECT_THAT(classes[0].constants, ElementsAre(Pair("stride", "(1, 1)"), Pair("groups", "2")));
  EXPECT_TRUE(classes[0].text.starts_with("class Conv2d(Module):\n"));
  EXPECT_TRUE(classes[0].text.ends_with("    return x"));
  EXPECT_EQ(classes[1].name, "Empty");
  EXPECT_THAT(classes[1].buffers, ElementsAre("running_mean"));
}

TEST(ScriptSource, PassesOverAnythingElse) {
  EXPECT_THAT(ParseScriptClasses(""), IsEmpty());
  EXPECT_THAT(ParseScriptClasses("  __parameters__ = [\"x\"]\n"), IsEmpty());
  auto cut = ParseScriptClasses("class ");
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].name, "");
  auto open = ParseScriptClasses("class A:\n  __parameters__ = [\"x\\");
  ASSERT_EQ(open.size(), 1u);
  EXPECT_THAT(open[0].parameters, ElementsAre("x\\"));
}

}  // namespace
}  // namespace pthview
