#include "tools/server/http_guard.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace pthview::server {
namespace {

constexpr std::pair<const char*, const char*> kSecurityHeaders[] = {
    // Netron styles elements inline and draws into data: and blob: images; nothing may come from or go to elsewhere.
    {"Content-Security-Policy",
     "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
     "frame-ancestors 'none'; base-uri 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Any cookie of our name that matches is enough: a browser may hold several, for different paths or host spellings.
bool HasCookie(std::span<const std::string_view> headers, std::string_view name, std::string_view value) {
  bool found = false;
  for (std::string_view header : headers) {
    while (!header.empty()) {
      size_t end = header.find(';');
      std::string_view pair = Trim(header.substr(0, end));
      header = end == std::string_view::npos ? std::string_view() : header.substr(end + 1);
      size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      found |= ConstantTimeEqual(pair.substr(equals + 1), value);
    }
  }
  return found;
}

}  // namespace

HttpGuard::HttpGuard(int port, std::string token)
    : cookie_name_("pthview_" + std::to_string(port)), token_(std::move(token)) {}

Verdict HttpGuard::Check(const RequestFacts& request) const {
  if (request.method != "GET" && request.method != "HEAD") return Verdict::kMethod;
  if (request.host_count != 1 || !IsLoopbackHost(request.host)) return Verdict::kBadHost;
  if (request.has_origin) {
    constexpr std::string_view kScheme = "http://";
    if (!request.origin.starts_with(kScheme) || request.origin.substr(kScheme.size()) != request.host) {
      return Verdict::kBadOrigin;
    }
  }
  if (request.has_token && request.path == "/" && ConstantTimeEqual(request.token, token_)) return Verdict::kLogin;
  return HasCookie(request.cookies, cookie_name_, token_) ? Verdict::kAllow : Verdict::kNoCookie;
}

std::string HttpGuard::SessionCookie() const {
  return cookie_name_ + "=" + token_ + "; Path=/; HttpOnly; SameSite=Strict";
}

std::string HttpGuard::ConsentCookie() { return "consent=1; Path=/; SameSite=Strict"; }

bool IsLoopbackHost(std::string_view host) {
  for (std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (!host.starts_with(name)) continue;
    std::string_view rest = host.substr(name.size());
    if (rest.empty() || (rest.front() == ':' && IsPort(rest.substr(1)))) return true;
  }
  return false;
}

bool ConstantTimeEqual(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  }
  return difference == 0;
}

std::string RandomToken() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::fputs("pthview-serve: the kernel gives no random numbers\n", stderr);
    std::abort();
  }
  std::string token;
  for (unsigned char byte : bytes) {
    token += "0123456789abcdef"[byte >> 4];
    token += "0123456789abcdef"[byte & 15];
  }
  return token;
}

std::span<const std::pair<const char*, const char*>> SecurityHeaders() { return kSecurityHeaders; }

}  // namespace pthview::server
