// Who may ask: the rules that each request has to pass before anything else looks at it.
//
// Any page that the user has open may send requests to 127.0.0.1, and any user of the machine may connect. So:
//   - a random token in the printed address becomes a cookie; without it there is nothing but a refusal;
//   - the Host must be a loopback name (a foreign name that resolves to 127.0.0.1 is DNS rebinding). Its port is free,
//     because `ssh -L` gives the page another one;
//   - an Origin, where the browser sends one, must be that Host;
//   - only GET and HEAD.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace pthview::server {

enum class Verdict {
  kAllow,
  kLogin,      // `/` with the right token: set the cookie and redirect
  kMethod,     // 405
  kBadHost,    // 403
  kBadOrigin,  // 403
  kNoCookie,   // 403: neither cookie nor token is right
};

// What the rules look at. Views into the request; an absent header is empty with `has_` false.
struct RequestFacts {
  std::string_view method;
  std::string_view path;
  size_t host_count = 0;  // Host headers in the request: exactly one is right
  std::string_view host;
  bool has_origin = false;
  std::string_view origin;
  std::span<const std::string_view> cookies;  // each Cookie header
  bool has_token = false;
  std::string_view token;  // the query's `token`
};

class HttpGuard {
 public:
  HttpGuard(int port, std::string token);

  Verdict Check(const RequestFacts& request) const;
  const std::string& token() const { return token_; }

  // Values of the Set-Cookie headers that a login answers with: ours, and the one that Netron reads to know that it
  // need not ask for consent (so the latter is readable by script).
  std::string SessionCookie() const;
  static std::string ConsentCookie();

 private:
  std::string cookie_name_;
  std::string token_;
};

// True for 127.0.0.1, localhost and [::1], each with or without a port.
bool IsLoopbackHost(std::string_view host);

// Equality whose duration does not tell how many leading characters agree.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

// 128 random bits in hexadecimal, from the kernel.
std::string RandomToken();

// Headers that every answer carries.
std::span<const std::pair<const char*, const char*>> SecurityHeaders();

}  // namespace pthview::server
