#include "tools/server/http_guard.h"

#include <gtest/gtest.h>

namespace pthview::server {
namespace {

class HttpGuardTest : public ::testing::Test {
 protected:
  // What a page of ours sends.
  RequestFacts Good() const {
    return {.method = "GET", .path = "/view.js", .host_count = 1, .host = "127.0.0.1:8080", .cookies = cookies_};
  }
  HttpGuard guard_{8080, "secret"};
  std::vector<std::string_view> cookies_ = {"theme=dark; pthview_8080=secret; consent=1"};
};

TEST_F(HttpGuardTest, LetsThePageIn) { EXPECT_EQ(guard_.Check(Good()), Verdict::kAllow); }

TEST_F(HttpGuardTest, AnswersOnlyGetAndHead) {
  RequestFacts request = Good();
  request.method = "HEAD";
  EXPECT_EQ(guard_.Check(request), Verdict::kAllow);
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    request.method = method;
    EXPECT_EQ(guard_.Check(request), Verdict::kMethod) << method;
  }
}

TEST_F(HttpGuardTest, NeedsTheCookieOfThisPortWithTheWholeToken) {
  RequestFacts request = Good();
  for (std::string_view cookie :
       {"", "pthview_8080=", "pthview_8080=secre", "pthview_8080=secret1", "pthview_8081=secret",
        "xpthview_8080=secret", "pthview_8080", "a=pthview_8080=secret"}) {
    std::vector<std::string_view> cookies = {cookie};
    request.cookies = cookies;
    EXPECT_EQ(guard_.Check(request), Verdict::kNoCookie) << cookie;
  }
  request.cookies = {};
  EXPECT_EQ(guard_.Check(request), Verdict::kNoCookie);
}

TEST_F(HttpGuardTest, FindsTheCookieInAnyHeader) {
  RequestFacts request = Good();
  std::vector<std::string_view> cookies = {"pthview_8080=old", "  pthview_8080=secret "};
  request.cookies = cookies;
  EXPECT_EQ(guard_.Check(request), Verdict::kAllow);
}

TEST_F(HttpGuardTest, TokenLogsInOnlyAtTheRoot) {
  RequestFacts request = Good();
  request.cookies = {};
  request.has_token = true;
  request.token = "secret";
  request.path = "/";
  EXPECT_EQ(guard_.Check(request), Verdict::kLogin);
  request.path = "/api/v1/files";
  EXPECT_EQ(guard_.Check(request), Verdict::kNoCookie);
  request.path = "/";
  request.token = "secreT";
  EXPECT_EQ(guard_.Check(request), Verdict::kNoCookie);
  request.token = "";
  EXPECT_EQ(guard_.Check(request), Verdict::kNoCookie);
}

TEST_F(HttpGuardTest, TokenDoesNotOpenAForeignHost) {
  RequestFacts request = Good();
  request.has_token = true;
  request.token = "secret";
  request.path = "/";
  request.host = "evil.example:8080";
  EXPECT_EQ(guard_.Check(request), Verdict::kBadHost);
}

TEST_F(HttpGuardTest, HostIsALoopbackNameWithAnyPort) {
  for (const char* host : {"127.0.0.1", "127.0.0.1:1", "localhost", "localhost:65535", "[::1]", "[::1]:8080"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host :
       {"", "127.0.0.1.evil.example", "localhost.evil.example", "localhost:", "localhost:80a", "localhost:123456",
        "127.0.0.2", "[::1", "[::1]x", "evil.example", "127.0.0.1@evil.example"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST_F(HttpGuardTest, ExactlyOneHost) {
  RequestFacts request = Good();
  for (size_t count : {0, 2}) {
    request.host_count = count;
    EXPECT_EQ(guard_.Check(request), Verdict::kBadHost);
  }
}

TEST_F(HttpGuardTest, OriginEqualsHost) {
  RequestFacts request = Good();
  request.has_origin = true;
  request.origin = "http://127.0.0.1:8080";
  EXPECT_EQ(guard_.Check(request), Verdict::kAllow);
  for (const char* origin : {"null", "", "http://127.0.0.1", "http://127.0.0.1:8081", "https://127.0.0.1:8080",
                             "http://localhost:8080", "http://evil.example"}) {
    request.origin = origin;
    EXPECT_EQ(guard_.Check(request), Verdict::kBadOrigin) << origin;
  }
}

TEST(ConstantTimeEqual, ComparesWhole) {
  EXPECT_TRUE(ConstantTimeEqual("abc", "abc"));
  EXPECT_TRUE(ConstantTimeEqual("", ""));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEqual("abcabc", "abc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abcabc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", ""));
  EXPECT_FALSE(ConstantTimeEqual("", "abc"));
}

TEST(RandomToken, Has128BitsAndDiffers) {
  std::string token = RandomToken();
  EXPECT_EQ(token.size(), 32);
  EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(token, RandomToken());
}

TEST(Cookies, ScriptsSeeOnlyTheConsent) {
  std::string session = HttpGuard(8080, "secret").SessionCookie();
  EXPECT_TRUE(session.starts_with("pthview_8080=secret;")) << session;
  EXPECT_NE(session.find("HttpOnly"), std::string::npos);
  EXPECT_NE(session.find("SameSite=Strict"), std::string::npos);
  EXPECT_EQ(HttpGuard::ConsentCookie().find("HttpOnly"), std::string::npos);
}

}  // namespace
}  // namespace pthview::server
