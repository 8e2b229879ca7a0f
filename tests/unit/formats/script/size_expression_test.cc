#include "lib/formats/script/size_expression.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(SizeExpression, IsAsOneWouldWriteIt) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"s0 + 1", "s0 + 1"},
      {"Symbol('s77', positive=True, integer=True)", "s77"},
      {"Symbol('u0', integer=True)", "u0"},
      {"Symbol('s0')", "s0"},
      {"Integer(-3)", "-3"},
      {"Add(Mul(Integer(2), Symbol('s0', positive=True)), Integer(1))", "2*s0 + 1"},
      {"Mul(Integer(2), Add(Symbol('s0'), Integer(1)))", "2*(s0 + 1)"},
      {"FloorDiv(Add(Symbol('s0'), Integer(1)), Mul(Integer(2), Symbol('s1')))", "(s0 + 1)//(2*s1)"},
      {"Pow(Symbol('s0'), Integer(2))", "s0**2"},
      {"Max(Integer(1), Symbol('s0'))", "Max(1, s0)"},
      // Of no known form.
      {"Symbol('s0'", "Symbol('s0'"},
      {"Symbol(s0)", "Symbol(s0)"},
      {"Add(Symbol('s0') Integer(1))", "Add(Symbol('s0') Integer(1))"},
      {"Symbol('a')x", "Symbol('a')x"},
      {"Symbol('a b')", "Symbol('a b')"},
      {"()", "()"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(SizeExpression(text), wanted);
}

TEST(SizeExpression, DoesNotFollowAnyDepth) {
  std::string deep = "Integer(1)";
  for (int i = 0; i < 10000; ++i) deep = "Neg(" + deep + ")";
  EXPECT_EQ(SizeExpression(deep), deep);
}

}  // namespace
}  // namespace pthview
