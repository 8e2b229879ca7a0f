#include "tools/server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview::server {
namespace {

using ::testing::ElementsAre;

Result<Options> Parse(std::vector<const char*> arguments) { return ParseOptions(arguments); }

TEST(ParseOptions, Defaults) {
  Result<Options> options = Parse({"model.pth"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->files, ElementsAre("model.pth"));
  EXPECT_EQ(options->port, 0);
  EXPECT_TRUE(options->open);
  EXPECT_FALSE(options->watch);
  EXPECT_FALSE(options->quiet);
}

TEST(ParseOptions, OptionsMayStandAnywhere) {
  Result<Options> options = Parse({"-q", "a.pth", "--port", "80", "--no-open", "--watch", "--", "--b.pth"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->files, ElementsAre("a.pth", "--b.pth"));
  EXPECT_EQ(options->port, 80);
  EXPECT_FALSE(options->open);
  EXPECT_TRUE(options->watch);
  EXPECT_TRUE(options->quiet);
  EXPECT_EQ(Parse({"--port=8080", "a"})->port, 8080);
}

TEST(ParseOptions, RefusesWhatItDoesNotKnow) {
  for (std::vector<const char*> arguments : {std::vector<const char*>{},
                                             {"--port"},
                                             {"--port", "x", "a"},
                                             {"--port", "65536", "a"},
                                             {"--port=-1", "a"},
                                             {"--port=", "a"},
                                             {"--host", "0.0.0.0", "a"},
                                             {"--no-token", "a"}}) {
    Result<Options> options = Parse(arguments);
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().code, ErrorCode::kUsage);
  }
}

TEST(ParseOptions, HelpNeedsNoFile) { EXPECT_TRUE(Parse({"--help"})->help); }

}  // namespace
}  // namespace pthview::server
