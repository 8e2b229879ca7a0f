#include "lib/base/url.h"

#include <string>

#include <gtest/gtest.h>

#include "lib/base/named_source.h"

namespace pthview {
namespace {

TEST(Url, IsTakenApart) {
  auto url = ParseUrl("HTTPS://me%40home:p%3Aw@Example.ORG:8443/a/b%20c.pth?x=1&y=%2F#top");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->secure);
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->user, "me@home");
  EXPECT_EQ(url->password, "p:w");
  EXPECT_EQ(url->Target(), "/a/b%20c.pth?x=1&y=%2F");
  EXPECT_EQ(url->Origin(), "https://example.org:8443");
  EXPECT_EQ(url->Display(), "https://example.org:8443/a/b%20c.pth");
  auto again = ParseUrl(url->Text());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *url);
}

TEST(Url, Defaults) {
  auto url = ParseUrl("http://host");
  ASSERT_TRUE(url);
  EXPECT_FALSE(url->secure);
  EXPECT_EQ(url->port, 80);
  EXPECT_EQ(url->Text(), "http://host/");
  EXPECT_EQ(ParseUrl("https://host:443/x")->Text(), "https://host/x");
  EXPECT_EQ(ParseUrl("http://host:/x")->Text(), "http://host/x");
  EXPECT_EQ(ParseUrl("http://host?x")->Target(), "/?x");
  EXPECT_EQ(ParseUrl("http://[::1]:8080/x")->host, "::1");
  EXPECT_EQ(ParseUrl("http://[FE80::1]/x")->Origin(), "http://[fe80::1]");
}

TEST(Url, NothingOddReachesTheRequest) {
  auto url = ParseUrl("http://host/a b\r\nX: y\x7f\xc3\xa9\"?q= \n");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->Target(), "/a%20b%0D%0AX:%20y%7F%C3%A9%22?q=%20%0A");
}

TEST(Url, WhatIsNone) {
  for (const char* text :
       {"", "http:/host/x", "ftp://host/x", "host/x", "http://", "http:///x", "http://@/x", "http://host:0/x",
        "http://host:65536/x", "http://host:8o/x", "http://host:-1/x", "http://ho st/x", "http://host\r\n/x",
        "http://[::1/x", "http://[host]/x", "http://[::1]x/", "http://h\xc3\xb6st/x", "http://a%00b/"}) {
    auto url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kUsage) << text;
  }
  EXPECT_FALSE(ParseUrl("http://" + std::string(256, 'a') + "/"));
  EXPECT_TRUE(ParseUrl("http://" + std::string(255, 'a') + "/"));
}

TEST(Url, ErrorsDoNotRepeatTheAddress) {
  auto url = ParseUrl("https://me:secret@host:99999/x?secret");
  ASSERT_FALSE(url);
  EXPECT_EQ(ToString(url.error()).find("secret"), std::string::npos);
  EXPECT_EQ(DisplayName("https://me:secret@host:99999/x?secret"), "https://...");
  EXPECT_EQ(DisplayName("https://me:secret@host/x?secret#secret"), "https://host/x");
  EXPECT_EQ(DisplayName("a/b?c.pth"), "a/b?c.pth");
}

TEST(Url, Redirects) {
  const Url from = *ParseUrl("https://me:secret@host/a/b.pth?x");
  const auto to = [&](const char* location) {
    auto url = ResolveRedirect(from, location);
    return url ? url->Text() : "refused: " + url.error().message;
  };
  const std::string home = ParseUrl("https://me:secret@host/")->Text();
  EXPECT_EQ(to("/c"), home + "c");
  EXPECT_EQ(to("c?y#z"), home + "a/c?y");
  EXPECT_EQ(to("?y"), home + "a/b.pth?y");
  EXPECT_EQ(to("https://host:443/c"), home + "c");
  EXPECT_EQ(to("https://evil:evil@host/c"), home + "c");
  EXPECT_EQ(to("//other/c"), "https://other/c");
  EXPECT_EQ(to("https://host:444/c"), "https://host:444/c") << "another port is another origin";
  EXPECT_EQ(to("https://evil:evil@other/c"), "https://other/c");
  for (const char* bad : {"http://host/c", "", "file:///etc/passwd", "mailto:x", "https://", "//a b/"}) {
    EXPECT_TRUE(to(bad).starts_with("refused: ")) << bad << " " << to(bad);
  }
  auto up = ResolveRedirect(*ParseUrl("http://me:secret@host/a"), "https://host/a");
  ASSERT_TRUE(up);
  EXPECT_EQ(up->Text(), "https://host/a");
}

TEST(Url, Siblings) {
  const Url index = *ParseUrl("https://me:secret@host/dir/model.index.json?download=1");
  EXPECT_EQ(Sibling(index, "model-1.bin").Target(), "/dir/model-1.bin");
  EXPECT_EQ(Sibling(index, "a b/../?#%41").Target(), "/dir/a%20b%2F..%2F%3F%23%2541");
  EXPECT_EQ(Sibling(index, "x").password, "secret");
  EXPECT_EQ(Sibling(*ParseUrl("http://host"), "x").Target(), "/x");
}

TEST(OpenNamed, NothingIsFetchedUnlessThatIsAllowed) {
  auto source = OpenNamed("https://me:secret@host/x.pth?secret");
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(source.error().file, "https://host/x.pth");
}

}  // namespace
}  // namespace pthview
