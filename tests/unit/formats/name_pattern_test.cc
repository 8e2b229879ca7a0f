// Python's re is the truth: what is expected here is what re.match(pattern, name) says.
#include "lib/formats/name_pattern.h"

#include <gtest/gtest.h>

namespace pthview {
namespace {

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
    auto pattern = NamePattern::Compile(c.pattern);
    ASSERT_TRUE(pattern) << c.pattern;
    EXPECT_EQ(pattern->MatchesStart(c.name), c.matches) << c.pattern << " on " << c.name;
  }
}

TEST(NamePattern, SaysWhatItDoesNotRead) {
  for (const char* pattern :
       {"(?=a)", "(?i)a", "(?P<n>a)", R"((a)\1)", R"(\bword)", "a**", "*a", "(a", "a)", "[a", "[b-a]", "a{3,2}",
        "a{5000}", "(((a{100}){100}){100})", "caf\xc3\xa9", "a\\", "[[:alpha:]]", "^*"}) {
    EXPECT_FALSE(NamePattern::Compile(pattern)) << pattern;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "(";
  EXPECT_FALSE(NamePattern::Compile(deep + "a"));
  std::string doubling = "a";  // twice the work at each level
  for (int i = 0; i < 30; ++i) doubling = "(" + doubling + ")?";
  EXPECT_TRUE(!NamePattern::Compile(doubling) || NamePattern::Compile(doubling)->cost() < 5000);
  std::string nothing = "()";
  for (int i = 0; i < 20; ++i) nothing = "(" + nothing + "){1000}";
  EXPECT_FALSE(NamePattern::Compile(nothing));
}

TEST(NamePattern, KnowsTheOnlyName) {
  EXPECT_EQ(NamePattern::Compile(R"(^a\.b$)")->OnlyName(), "a.b");
  for (const char* pattern : {"^a", "a.b$", "a+$", "(a|b)$", "[ab]$"}) {
    EXPECT_FALSE(NamePattern::Compile(pattern)->OnlyName()) << pattern;
  }
}

}  // namespace
}  // namespace pthview
