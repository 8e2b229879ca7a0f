#include "tools/server/index_page.h"

#include <gtest/gtest.h>

namespace pthview::server {
namespace {

TEST(ApplyPatches, ReplacesEachOccurrenceInOrder) {
  Result<std::string> page = ApplyPatches("<a><b><a>", {{"<a>", "<c><b>", 2}, {"<b>", "", 3}});
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(*page, "<c><c>");
}

TEST(ApplyPatches, DoesNotReplaceWithinAReplacement) {
  Result<std::string> page = ApplyPatches("aa", {{"a", "aa", 2}});
  ASSERT_TRUE(page);
  EXPECT_EQ(*page, "aaaa");
}

TEST(ApplyPatches, AnotherCountIsAnErrorThatNamesThePatch) {
  for (const Patch& patch : {Patch{"needle", "x", 1}, Patch{"hay", "x", 1}, Patch{"hay", "x", 3}}) {
    Result<std::string> page = ApplyPatches("hay hay", {patch});
    ASSERT_FALSE(page) << patch.find << patch.count;
    EXPECT_NE(page.error().message.find(patch.find), std::string::npos) << page.error().message;
  }
}

TEST(ParsePatches, ReadsRowsAndCountsOneByDefault) {
  Result<std::vector<Patch>> patches =
      ParsePatches(R"({"index.html": [{"find": "a", "replace": "b"}, {"find": "c", "replace": "", "count": 4}]})");
  ASSERT_TRUE(patches) << patches.error().message;
  ASSERT_EQ(patches->size(), 2);
  EXPECT_EQ((*patches)[0].find, "a");
  EXPECT_EQ((*patches)[0].replace, "b");
  EXPECT_EQ((*patches)[0].count, 1);
  EXPECT_EQ((*patches)[1].count, 4);
}

TEST(ParsePatches, RefusesAnythingElse) {
  for (const char* json : {"", "[]", "{}", R"({"index.html": {}})", R"({"index.html": [1]})", R"({"index.html": [{}]})",
                           R"({"index.html": [{"find": "", "replace": ""}]})", R"({"index.html": [{"find": "a"}]})",
                           R"({"index.html": [{"find": "a", "replace": 1}]})",
                           R"({"index.html": [{"find": "a", "replace": "", "count": -1}]})"}) {
    EXPECT_FALSE(ParsePatches(json)) << json;
  }
}

}  // namespace
}  // namespace pthview::server
