#include "plugins/host/manifest.h"

#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pthview::plugins {
namespace {

using ::testing::HasSubstr;

std::string With(const std::string& more) {
  return R"({"protocol": 1, "name": "odd", "kinds": ["format"], "encoding": "json", )" + more + "}";
}

TEST(Manifest, ReadsEveryKey) {
  auto manifest = ParseManifest(With(
      R"("text": "Odd", "match": [{"magic_hex": "00 Ff", "offset": 4}, {"extension": ".odd"}], "neighbours": ["*.x"],
         "read": ["/opt/odd"], "limits": {"seconds": 1.5, "cpu_seconds": 2, "memory_mb": 3, "open_files": 20})"));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->text, "Odd");
  EXPECT_TRUE(manifest->Has(PluginKind::kFormat));
  EXPECT_FALSE(manifest->Has(PluginKind::kVerifier));
  EXPECT_EQ(manifest->match.at(0).magic, std::string("\0\xff", 2));
  EXPECT_EQ(manifest->limits.time.count(), 1500);
  EXPECT_EQ(manifest->limits.cpu_seconds, 2U);
  EXPECT_EQ(manifest->limits.memory_bytes, 3U << 20);
  EXPECT_EQ(manifest->limits.open_files, 20U);
}

int MatchOf(const std::string& rules, std::string_view head, std::string_view path) {
  auto manifest = ParseManifest(With("\"match\": " + rules));
  EXPECT_TRUE(manifest) << manifest.error().message;
  return manifest ? manifest->Match(std::as_bytes(std::span(head)), path) : -1;
}

TEST(Manifest, ContentCountsMoreThanTheName) {
  EXPECT_EQ(MatchOf(R"([{"magic": "GGUF"}])", "GGUF1", "x"), 2);
  EXPECT_EQ(MatchOf(R"([{"magic": "GGUF"}])", "GGU", "x"), 0);
  EXPECT_EQ(MatchOf(R"([{"magic": "UF", "offset": 2}])", "GGUF", "x"), 2);
  EXPECT_EQ(MatchOf(R"([{"magic": "UF", "offset": 4000}])", "GGUF", "x"), 0);
  EXPECT_EQ(MatchOf(R"([{"extension": ".odd"}])", "", "a.ODD"), 1);
  EXPECT_EQ(MatchOf(R"([{"extension": ".odd"}])", "", "odd"), 0);
  EXPECT_EQ(MatchOf(R"([{"magic": "A", "extension": ".odd"}])", "A", "a.bin"), 0);
  EXPECT_EQ(MatchOf(R"([{"magic": "A", "extension": ".odd"}, {"extension": ".bin"}])", "A", "a.bin"), 1);
}

TEST(Manifest, RefusesWhatIsWrong) {
  const std::pair<std::string, const char*> rows[] = {
      {"", "not a JSON object"},
      {"[1]", "not a JSON object"},
      {R"({"protocol": "1"})", "`protocol`"},
      {R"({"protocol": 7})", "speaks protocol 7"},
      {R"({"protocol": 1, "name": "A", "kinds": ["format"]})", "`name`"},
      {R"({"protocol": 1, "name": "a/b"})", "`name`"},
      {R"({"protocol": 1, "name": "a"})", "`kinds`"},
      {With(R"("match": [])"), "`match`"},
      {With(R"("match": [5])"), "`match`"},
      {With(R"("match": [{"magic_hex": "abc"}])"), "two digits"},
      {With(R"("match": [{"magic_hex": "zz"}])"), "hexadecimal"},
      {With(R"("match": [{"magic": "a", "offset": 4096}])"), "`offset`"},
      {With(R"("match": [{"magic": "a", "offset": -1}])"), "`offset`"},
      {With(R"("match": [{"extension": "odd"}])"), "dot"},
      {With(R"("match": [{"magic": "a"}], "read": ["relative"])"), "`read`"},
      {With(R"("match": [{"magic": "a"}], "neighbours": [""])"), "`neighbours`"},
      {With(R"("match": [{"magic": "a"}], "limits": {"seconds": 0})"), "limits.seconds"},
      {With(R"("match": [{"magic": "a"}], "limits": {"seconds": 1e300})"), "limits.seconds"},
      {With(R"("match": [{"magic": "a"}], "limits": {"speed": 1})"), "limits.speed"},
      {With(R"("match": [{"magic": "a"}], "more": 1)"), "`more`"},
      {R"({"protocol": 1, "name": "a", "kinds": ["verifier"], "encoding": "xml"})", "`encoding`"},
  };
  for (const auto& [text, expected] : rows) {
    auto manifest = ParseManifest(text);
    ASSERT_FALSE(manifest) << text;
    EXPECT_THAT(manifest.error().message, HasSubstr(expected)) << text;
  }
}

}  // namespace
}  // namespace pthview::plugins
