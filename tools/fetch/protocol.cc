#include "tools/fetch/protocol.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>

namespace pthview::fetch {

bool SendBytes(int socket, const void* bytes, size_t length) {
  const auto* at = static_cast<const char*>(bytes);
  while (length > 0) {
    const ssize_t sent = ::send(socket, at, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    length -= static_cast<size_t>(sent);
  }
  return true;
}

bool ReceiveBytes(int socket, void* bytes, size_t length) {
  auto* at = static_cast<char*>(bytes);
  while (length > 0) {
    const ssize_t got = ::recv(socket, at, length, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    length -= static_cast<size_t>(got);
  }
  return true;
}

std::string PackError(const Error& error) { return error.message + '\0' + error.hint; }

Error UnpackError(uint32_t code, std::string_view text) {
  const size_t end = std::min(text.find('\0'), text.size());
  Error error{
      .code = code <= static_cast<uint32_t>(ErrorCode::kInternal) ? static_cast<ErrorCode>(code) : ErrorCode::kInternal,
      .message = std::string(text.substr(0, end))};
  if (end < text.size()) error.hint = text.substr(end + 1);
  return error;
}

}  // namespace pthview::fetch
