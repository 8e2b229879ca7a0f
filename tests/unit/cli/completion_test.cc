#include "tools/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string At(std::vector<std::string> words) {
  words.insert(words.begin(), "pthview");
  return Complete(words, words.size() - 1);
}

TEST(Complete, VerbsAndFiles) {
  EXPECT_THAT(At({""}), AllOf(HasSubstr("info\t"), HasSubstr("tree\t"), HasSubstr(":files\n")));
  EXPECT_THAT(At({"tr"}), AllOf(HasSubstr("tree\t"), Not(HasSubstr("info\t"))));
  EXPECT_EQ(At({"info", ""}), ":files\n");
  EXPECT_EQ(At({"model.pth", ""}), ":files\n");
}

TEST(Complete, OptionsOfTheVerb) {
  EXPECT_THAT(At({"tree", "--de"}), HasSubstr("--depth\t"));
  EXPECT_THAT(At({"info", "--de"}), Not(HasSubstr("--depth")));
  EXPECT_EQ(At({"info", "--", "--de"}), ":files\n");
}

TEST(Complete, ValuesOfOptions) {
  EXPECT_EQ(At({"info", "--color", ""}), "auto\nalways\nnever\n");
  EXPECT_EQ(At({"info", "--color", "=", "al"}), "always\n") << "bash cuts at =";
  EXPECT_THAT(At({"list", "--sort", "b"}), HasSubstr("bytes\n"));
}

TEST(Complete, NothingOfAnAddressOrAMissingFile) {
  EXPECT_EQ(At({"show", "https://host/model.pth", ""}), "");
  EXPECT_EQ(At({"show", "no such file", ""}), "");
}

TEST(Complete, OddPositions) {
  EXPECT_EQ(Complete({}, 0), "");
  std::vector<std::string> words = {"pthview"};
  EXPECT_THAT(Complete(words, 1), HasSubstr("info"));
  EXPECT_EQ(Complete(words, 7), ":files\n");
}

TEST(CompletionScript, ThreeShells) {
  for (std::string_view shell : {"bash", "zsh", "fish"}) {
    auto script = CompletionScript(shell);
    ASSERT_TRUE(script);
    EXPECT_THAT(*script, HasSubstr("--complete"));
  }
  EXPECT_FALSE(CompletionScript("csh"));
}

TEST(ManPage, HasEveryVerbAndOption) {
  const std::string page = ManPage();
  EXPECT_THAT(page, AllOf(HasSubstr(".SS info FILE..."), HasSubstr("\\-\\-no\\-pager"), HasSubstr(".SH EXIT STATUS")));
}

}  // namespace
}  // namespace pthview
