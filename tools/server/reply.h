// Reply: an answer, free of the HTTP library, so that tests can ask for one without a socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace pthview::server {

struct Reply {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::shared_ptr<const std::string> shared;  // used in place of `body` when set: large documents are never copied
  // When set, used in place of both: writes `length` bytes piece by piece and returns false when that fails, which the
  // reader sees as a body that is too short.
  using Sink = std::function<bool(std::string_view)>;
  std::function<bool(const Sink&)> stream;
  uint64_t length = 0;
  std::string etag;  // when set, the browser may keep the body and ask whether it still holds
  std::vector<std::pair<std::string, std::string>> headers;

  std::string_view content() const { return shared ? std::string_view(*shared) : std::string_view(body); }
};

// What an open page may know of an error: the file by the last step of its path.
std::string PageText(Error error);

// `{"error": {"code", "message", "hint"}}` under the status that fits the code. The file's folder is not given away.
Reply ErrorReply(const Error& error);
Reply ErrorReply(int status, std::string_view code, std::string_view message);
Reply TextReply(int status, std::string text);

}  // namespace pthview::server
