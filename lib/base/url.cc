#include "lib/base/url.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace pthview {
namespace {

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;
constexpr size_t kLongestHost = 255;
constexpr std::string_view kHex = "0123456789ABCDEF";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool StartsWithIgnoringCase(std::string_view text, std::string_view start) {
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(), [](char a, char b) { return a == Lower(b); });
}

bool IsAlphanumeric(char c) { return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z'); }

void AppendEncoded(std::string& text, char c) {
  const auto byte = static_cast<uint8_t>(c);
  text += '%';
  text += kHex[byte >> 4];
  text += kHex[byte & 15];
}

// Bytes that must not stand in a request line become %XX; what is encoded already stays.
std::string EncodeOdd(std::string_view text) {
  std::string encoded;
  for (char c : text) {
    const bool odd = c <= ' ' || c >= '\x7f' || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' ||
                     c == '{' || c == '|' || c == '}';  // above 7F is negative: below ' '
    if (odd) {
      AppendEncoded(encoded, c);
    } else {
      encoded += c;
    }
  }
  return encoded;
}

int HexDigit(char c) {
  const size_t at = kHex.find(c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low >= 0) {
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

Error NoAddress(const char* why) {
  return Error{.code = ErrorCode::kUsage,
               .message = std::string("the address cannot be used: ") + why,
               .hint = "https://host/path/model.pth"};
}

// "host", "host:8080", "[::1]:8080".
Status ParseHost(std::string_view text, Url& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return NoAddress("its host has no closing bracket");
    url.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    const auto wrong = [](char c) { return c != ':' && c != '.' && HexDigit(c) < 0; };
    if (url.host.find(':') == std::string::npos || std::any_of(url.host.begin(), url.host.end(), wrong)) {
      return NoAddress("what stands in brackets is no IPv6 address");
    }
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    url.host = text.substr(0, colon);
    port = text.substr(colon);
    const auto wrong = [](char c) { return c != '-' && c != '.' && c != '_' && !IsAlphanumeric(c); };
    if (std::any_of(url.host.begin(), url.host.end(), wrong)) {
      return NoAddress("its host has signs that no host name has");
    }
  }
  if (url.host.empty() || url.host.size() > kLongestHost) return NoAddress("it names no host");
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), Lower);
  url.port = url.secure ? kHttpsPort : kHttpPort;
  if (port.empty() || port == ":") return Ok();
  port.remove_prefix(1);
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || end != port.data() + port.size() || url.port == 0) {
    return NoAddress("its port is no number from 1 to 65535");
  }
  return Ok();
}

}  // namespace

std::string Url::Origin() const {
  std::string text = secure ? "https://" : "http://";
  text += host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (secure ? kHttpsPort : kHttpPort)) text += ":" + std::to_string(port);
  return text;
}

std::string Url::Display() const { return Origin() + path; }

std::string Url::Text() const {
  std::string origin = Origin();
  if (user.empty() && password.empty()) return origin + Target();
  std::string credentials;
  for (char c : user) AppendEncoded(credentials, c);
  credentials += ':';
  for (char c : password) AppendEncoded(credentials, c);
  return origin.insert(origin.find("//") + 2, credentials + "@") + Target();
}

bool IsUrl(std::string_view text) {
  return StartsWithIgnoringCase(text, "http://") || StartsWithIgnoringCase(text, "https://");
}

Result<Url> ParseUrl(std::string_view text) {
  if (!IsUrl(text)) return NoAddress("it begins with neither http:// nor https://");
  Url url;
  url.secure = Lower(text[4]) == 's';
  text.remove_prefix(url.secure ? 8 : 7);
  text = text.substr(0, text.find('#'));
  const size_t host_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, host_end);
  std::string_view rest = text.substr(host_end);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    std::string_view credentials = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const size_t colon = std::min(credentials.find(':'), credentials.size());
    url.user = Decode(credentials.substr(0, colon));
    if (colon < credentials.size()) url.password = Decode(credentials.substr(colon + 1));
  }
  PTHVIEW_TRY(ParseHost(authority, url));
  const size_t question = std::min(rest.find('?'), rest.size());
  url.path = EncodeOdd(rest.substr(0, question));
  if (url.path.empty()) url.path = "/";
  if (question < rest.size()) url.query = EncodeOdd(rest.substr(question + 1));
  return url;
}

Result<Url> ResolveRedirect(const Url& from, std::string_view location) {
  const auto refuse = [&](std::string why) {
    return Error{.code = ErrorCode::kUnsupported, .message = "the server redirects " + std::move(why)};
  };
  std::string whole;
  if (IsUrl(location)) {
    whole = location;
  } else if (location.starts_with("//")) {
    whole = (from.secure ? "https:" : "http:") + std::string(location);
  } else if (location.starts_with('/')) {
    whole = from.Origin() + std::string(location);
  } else if (location.empty() ||
             location.substr(0, location.find_first_of("/?#")).find(':') != std::string_view::npos) {
    return refuse("to something that is no http address");
  } else if (location.starts_with('?')) {
    whole = from.Origin() + from.path + std::string(location);
  } else {
    whole = from.Origin() + from.path.substr(0, from.path.rfind('/') + 1) + std::string(location);
  }
  auto to = ParseUrl(whole);
  if (!to) return refuse("to an address that cannot be used");
  if (from.secure && !to->secure) return refuse("from https to http, which is not followed");
  to->user.clear();
  to->password.clear();
  if (to->Origin() == from.Origin()) {
    to->user = from.user;
    to->password = from.password;
  }
  return to;
}

Url Sibling(const Url& url, std::string_view name) {
  Url sibling = url;
  sibling.query.clear();
  sibling.path.resize(sibling.path.rfind('/') + 1);
  for (char c : name) {
    if (IsAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      sibling.path += c;
    } else {
      AppendEncoded(sibling.path, c);
    }
  }
  return sibling;
}

}  // namespace pthview
