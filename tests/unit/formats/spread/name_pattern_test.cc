// Python's re is the truth: what is expected here is what re.match(pattern, name) says.
#include "lib/formats/spread/name_pattern.h"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace pthview {
namespace {

constexpr uint64_t kSteps = 1'000'000;

std::optional<NamePattern> Compile(std::string_view pattern) {
  uint64_t steps = kSteps;
  return NamePattern::Compile(pattern, steps);
}

struct Case {
  const char* pattern;
  const char* name;
  bool matches;
};

TEST(NamePattern, MatchesAtTheStart) {
  const Case cases[] = {
      {"a.weight", "a.weight", true},
      {"a.weight", "a.weight.more", true},
      {"a.weight", "b.a.weight", false},
      {"a.weight", "aXweight", true},
      {R"(^a\.weight$)", "a.weight", true},
      {R"(^a\.weight$)", "a.weights", false},
      {R"(^a\.weight$)", "aXweight", false},
      {R"(\d+.mlp\.dense)", "12.mlp.dense", true},
      {R"(\d+.mlp\.dense)", "x.mlp.dense", false},
      {R"(.*\.(o_proj|down_proj)\.weight$)", "m.0.down_proj.weight", true},
      {R"(.*\.(o_proj|down_proj)\.weight$)", "m.0.up_proj.weight", false},
      {R"((?:a|bc|)d)", "bcd", true},
      {R"((?:a|bc|)d)", "d", true},
      {R"((?:a|bc|)d)", "bd", false},
      {"[0-9a-f]+[^x]", "09fy", true},
      {"[0-9a-f]+[^x]", "x", false},
      {"[]a]b", "]b", true},
      {"[a-]b", "-b", true},
      {R"([\w.]+$)", "a_b.c", true},
      {R"([\w.]+$)", "a-b", false},
      {"a{2}b", "aab", true},
      {"a{2}b", "ab", false},
      {"a{1,}b", "aaab", true},
      {"a{,2}b", "b", true},
      {"a{,}b", "aaab", true},
      {"(ab){1,2}c", "ababc", true},
      {"(ab){1,2}c", "abababc", false},
      {"(a|b){2,3}$", "abab", false},
      {"(a*)*b", "aaab", true},
      {"(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", false},
      {"a??b", "ab", true},
      {R"(\S\s\D\W)", "a bc", false},
      {R"(\S\s\D\W)", "a b.", true},
      {"", "anything", true},
      {"a|b|c", "c", true},
      {"(a|b|c)+d", "abcd", true},
      {".", "\n", false},
      {"a$|b", "b.c", true},
  };
  for (const Case& c : cases) {
    auto pattern = Compile(c.pattern);
    ASSERT_TRUE(pattern) << c.pattern;
    uint64_t steps = kSteps;
    EXPECT_EQ(pattern->MatchesStart(c.name, steps), c.matches) << c.pattern << " on " << c.name;
  }
}

TEST(NamePattern, SaysWhatItDoesNotRead) {
  for (const char* pattern :
       {"(?=a)", "(?i)a", "(?P<n>a)", R"((a)\1)", R"(\bword)", "a**", "*a", "(a", "a)", "[a", "[b-a]", "a{3,2}",
        "a{5000}", "(((a{100}){100}){100})", "caf\xc3\xa9", "a\\", "[[:alpha:]]", "^*"}) {
    EXPECT_FALSE(Compile(pattern)) << pattern;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "(";
  EXPECT_FALSE(Compile(deep + "a"));
  std::string doubling = "a";  // twice the work at each level
  for (int i = 0; i < 30; ++i) doubling = "(" + doubling + ")?";
  EXPECT_TRUE(!Compile(doubling) || Compile(doubling)->size() < 5000);
  std::string nothing = "()";
  for (int i = 0; i < 20; ++i) nothing = "(" + nothing + "){1000}";
  EXPECT_FALSE(Compile(nothing));
  EXPECT_FALSE(Compile("[" + std::string(10'000, 'a') + "]{100}{0}"));
  EXPECT_FALSE(Compile("([" + std::string(10'000, 'a') + "]{100}){0}"));
}

TEST(NamePattern, TakesNoMoreStepsThanItMay) {
  uint64_t steps = 100;
  EXPECT_FALSE(NamePattern::Compile("(a{20}){10}", steps));
  EXPECT_LT(steps, 100u);
  auto pattern = Compile("(x+x+)+y");
  const std::string name(1000, 'x');
  steps = 1000;
  EXPECT_FALSE(pattern->MatchesStart(name, steps));
  // The product of the two lengths, not more.
  steps = 40'000;
  EXPECT_EQ(pattern->MatchesStart(name, steps), false);
  // One that ends at the first letter costs next to nothing.
  steps = 1000;
  EXPECT_EQ(pattern->MatchesStart(std::string(1000, 'a'), steps), false);
  EXPECT_GT(steps, 900u);
}

TEST(NamePattern, KnowsTheOnlyName) {
  EXPECT_EQ(Compile(R"(^a\.b$)")->OnlyName(), "a.b");
  for (const char* pattern : {"^a", "a.b$", "a+$", "(a|b)$", "[ab]$"}) {
    EXPECT_FALSE(Compile(pattern)->OnlyName()) << pattern;
  }
}

}  // namespace
}  // namespace pthview
