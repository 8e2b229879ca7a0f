// Addresses of files: http://host/path and https://host/path, as a user gives them or a server redirects to them.
// Source: RFC 3986; only what fetching needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace pthview {

struct Url {
  bool secure = false;   // https
  std::string host;      // lower case, an IPv6 address without its brackets
  uint16_t port = 0;     // the scheme's own when the address names none
  std::string path;      // "/a/b.pth", every odd byte as %XX
  std::string query;     // what follows the '?', encoded likewise; a signed address keeps its secret here
  std::string user;      // decoded; empty when the address has none
  std::string password;  // decoded

  // Path and query, as a request asks for them.
  std::string Target() const { return query.empty() ? path : path + "?" + query; }
  // "https://host:8443".
  std::string Origin() const;
  // What may be printed: origin and path. No credentials, no query.
  std::string Display() const;
  // The whole address, for handing on. Never printed.
  std::string Text() const;

  bool operator==(const Url&) const = default;
};

// True when `text` begins with http:// or https://, in any case.
bool IsUrl(std::string_view text);

// kUsage, in words that do not repeat the address, when it is none.
Result<Url> ParseUrl(std::string_view text);

// Where a redirect from `from` leads. Credentials in `location` are dropped, those of `from` are kept for the same
// origin alone. kUnsupported when it leads elsewhere than to http(s), or from https to http.
Result<Url> ResolveRedirect(const Url& from, std::string_view location);

// The address of the file `name` beside the one at `url`: the last step of the path is replaced, the query dropped.
// `name` is one step, and is encoded.
Url Sibling(const Url& url, std::string_view name);

}  // namespace pthview
