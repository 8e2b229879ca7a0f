#include "tools/cli/arguments.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Arguments> Parse(std::string_view verb, std::vector<std::string> words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (std::string& word : words) pointers.push_back(word.data());
  return ParseArguments(*FindVerb(verb), pointers);
}

TEST(Arguments, OptionsStandAnywhere) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--json", "--sort", "bytes", "a.pth"},
                                                {"a.pth", "--sort=bytes", "--json"},
                                                {"--sort", "bytes", "a.pth", "--json"}}) {
    auto parsed = Parse("list", words);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_THAT(parsed->files, ElementsAre("a.pth"));
    EXPECT_TRUE(parsed->Flag("json"));
    EXPECT_FALSE(parsed->Flag("reverse"));
    EXPECT_EQ(parsed->Value("sort"), "bytes");
  }
}

TEST(Arguments, RepeatedOptionsKeepTheirOrderAndTakeOneValueEach) {
  auto parsed = Parse("list", {"--include", "a", "x.pth", "--include", "b"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_THAT(parsed->Values("include"), ElementsAre("a", "b"));
  EXPECT_THAT(parsed->files, ElementsAre("x.pth"));
  EXPECT_EQ(parsed->Value("include"), "b");
  EXPECT_TRUE(parsed->Values("exclude").empty());
}

TEST(Arguments, BehindTwoDashesEverythingIsAnOperand) {
  auto parsed = Parse("list", {"--", "--json"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_THAT(parsed->files, ElementsAre("--json"));
  EXPECT_FALSE(parsed->Flag("json"));
}

TEST(Arguments, ValuesMayBeginWithADash) {
  auto parsed = Parse("show", {"--slice", "-1,0", "a.pth", "w"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->Value("slice"), "-1,0");
}

TEST(Arguments, LettersStandForTheirOptions) {
  auto parsed = Parse("convert", {"-q", "-o", "out.onnx", "a.pth"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->Flag("quiet"));
  EXPECT_EQ(parsed->Value("output"), "out.onnx");
}

TEST(Arguments, ErrorsNameWhatIsWrongAndWhatWasMeant) {
  struct Case {
    const char* verb;
    std::vector<std::string> words;
    const char* message;
    const char* hint;
  };
  const Case kCases[] = {
      {"list", {"--jsn", "a"}, "unknown option '--jsn'", "--json"},
      {"list", {"--revrse=1", "a"}, "unknown option '--revrse=1'", "--reverse"},
      {"list", {"-z", "a"}, "unknown option '-z'", "pthview list --help"},
      {"tree", {"--hash", "a"}, "unknown option '--hash'", ""},
      {"list", {}, "something is missing: it takes FILE", "pthview list --help"},
      {"tree", {"a", "b", "c"}, "too many operands", "pthview tree --help"},
      {"plugins", {"a"}, "it takes none", "pthview plugins --help"},
      {"list", {"a", "--sort"}, "--sort takes a value: COLUMN", ""},
      {"convert", {"a", "-o"}, "--output takes a value: OUT", ""},
      {"list", {"a", "--json=maybe"}, "takes no value", "pthview list --help"},
      {"list", {"a", "--color", "allways"}, "'allways' is not one of auto|always|never", "--color always"},
      {"convert", {"a", "--data", "x"}, "--data: 'x' is not one of none|base64|file", ""},
  };
  for (const Case& c : kCases) {
    auto parsed = Parse(c.verb, c.words);
    ASSERT_FALSE(parsed) << c.message;
    EXPECT_EQ(parsed.error().code, ErrorCode::kUsage);
    EXPECT_THAT(parsed.error().message, HasSubstr(c.message));
    EXPECT_THAT(parsed.error().hint, HasSubstr(c.hint));
  }
}

TEST(Arguments, NumbersAreWholeAndNotNegative) {
  auto depth = [](const std::string& text) {
    auto parsed = Parse("tree", {"a", "--depth=" + text});
    EXPECT_TRUE(parsed);
    return parsed->Number("depth", 5);
  };
  EXPECT_EQ(depth("0").value(), 0);
  EXPECT_EQ(depth("12").value(), 12);
  EXPECT_EQ(Parse("tree", {"a"})->Number("depth", 5).value(), 5);
  for (const char* text : {"-1", "x", "1x", "1.5", "99999999999999999999"}) {
    auto number = depth(text);
    ASSERT_FALSE(number) << text;
    EXPECT_EQ(number.error().code, ErrorCode::kUsage);
  }
}

TEST(Verbs, TheTableHoldsTogether) {
  for (const Verb& verb : Verbs()) {
    EXPECT_EQ(FindVerb(verb.name), &verb);
    EXPECT_FALSE(verb.examples.empty()) << verb.name;
    EXPECT_LE(verb.least, verb.most);
    EXPECT_THAT(GeneralHelp(), HasSubstr("  " + std::string(verb.name) + " "));
    for (std::string_view name : verb.options) {
      EXPECT_EQ(OptionByName(name).name, name);
      EXPECT_THAT(VerbHelp(verb), HasSubstr("--" + std::string(name)));
    }
    for (std::string_view example : verb.examples) EXPECT_THAT(VerbHelp(verb), HasSubstr(std::string(example)));
  }
  EXPECT_EQ(FindVerb("nonsense"), nullptr);
}

}  // namespace
}  // namespace pthview
