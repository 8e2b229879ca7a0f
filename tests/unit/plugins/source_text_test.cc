// What is read out of TorchScript's source text, and taken out of it.
#include "plugins/torchscript/source_text.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace pthview::torchscript {
namespace {

TEST(OperatorUses, CountArgumentsKeywordsAndResults) {
  const auto uses = FindOperatorUses(
      "  kept = ops.torchvision.nms(boxes, torch.relu(scores), 0.5)\n"
      "  a, b, = ops.mine.split(x, [1, (2)], dim=0, name=\"a, b(\")\n"
      "  ops.mine.log(x)\n");
  ASSERT_EQ(uses.size(), 4U);
  EXPECT_EQ(uses[0], (OperatorUse{"aten::relu", 1, {}, 1}));
  EXPECT_EQ(uses[1], (OperatorUse{"torchvision::nms", 3, {}, 1}));
  EXPECT_EQ(uses[2], (OperatorUse{"mine::split", 2, {"dim", "name"}, 2}));
  EXPECT_EQ(uses[3], (OperatorUse{"mine::log", 1, {}, 0}));
}

TEST(OperatorUses, AreThoseOfTorchAlone) {
  EXPECT_TRUE(FindOperatorUses("x = self.ops.a.b(1)\ny = \"ops.a.b(1)\"\nz : __torch__.torch.nn.X\n").empty());
  EXPECT_TRUE(FindOperatorUses("x = ops.a.b(1, 2").empty());  // cut
}

TEST(OperatorUses, OfCallsWithoutEndAreFoundInOnePass) {
  std::string text = "return ";
  for (int i = 0; i < 200'000; ++i) text += "torch.relu(";
  text += "x" + std::string(200'000, ')');
  EXPECT_EQ(FindOperatorUses(text).size(), 1U);  // quadratic would take minutes
}

constexpr const char* kSource =
    "class Net(Module):\n"
    "  weight : Tensor\n"
    "  def forward(self: __torch__.Net,\n"
    "    x: Tensor) -> Tuple[Tensor, int]:\n"
    "    y = torch.wrong(x)\n"
    "    if bool(y):\n"
    "      z = 1\n"
    "    else:\n"
    "      z = 2\n"
    "    return (y, z)\n"
    "  def other(self: __torch__.Net) -> int:\n"
    "    return 5\n";

TEST(BlankFunction, TakesTheBodyAroundALineInAsManyBytes) {
  std::string text = kSource;
  EXPECT_EQ(BlankFunction(text, 7), "Net.forward");
  EXPECT_EQ(text.size(), std::string(kSource).size());
  EXPECT_EQ(std::ranges::count(text, '\n'), 12);
  EXPECT_EQ(text.find("wrong"), std::string::npos);
  EXPECT_NE(text.find("-> Tuple[Tensor, int]:\n    return uninitialized(Tuple[Tensor, int])"), std::string::npos);
  EXPECT_NE(text.find("    return 5\n"), std::string::npos);
  // There is nothing left to take out.
  EXPECT_EQ(BlankFunction(text, 7), "");
}

TEST(BlankFunction, FindsNoneWhereThereIsNone) {
  std::string text = kSource;
  EXPECT_EQ(BlankFunction(text, 1), "");
  EXPECT_EQ(BlankFunction(text, 100), "");
  std::string empty;
  EXPECT_EQ(BlankFunction(empty, 1), "");
}

TEST(BlankFunction, ByNameTakesEachOfThem) {
  std::string text =
      "class A(Module):\n  def __setstate__(self: A,\n    s: Tensor) -> None:\n    self.x = s\n    return None\n"
      "class B(Module):\n  def __setstate__(self: B,\n    s: Tensor) -> NoneType:\n    self.y = s\n"
      "  def f(self: B) -> int:\n    return 1\n";
  BlankFunctionsNamed(text, "__setstate__");
  EXPECT_EQ(text.find("self.x"), std::string::npos);
  EXPECT_EQ(text.find("self.y"), std::string::npos);
  EXPECT_NE(text.find("return 1"), std::string::npos);
}

TEST(ForgetType, TakesWholeNamesOnly) {
  std::string text =
      "a : __torch__.foo.Bar\nb : List[__torch__.foo.Bar]\nc : __torch__.foo.Bar2\nd : x.__torch__.foo.Bar\n";
  EXPECT_EQ(ForgetType(text, "__torch__.foo.Bar"), 2U);
  EXPECT_NE(text.find("a : Any"), std::string::npos);
  EXPECT_NE(text.find("List[Any"), std::string::npos);
  EXPECT_NE(text.find("__torch__.foo.Bar2"), std::string::npos);
}

}  // namespace
}  // namespace pthview::torchscript
