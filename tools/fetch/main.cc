// pthview-fetch: reads files from servers for pthview, which starts it with one end of a pair of sockets as standard
// input (protocol.h). It opens no file but certificates, and asks for nothing but what it is told to, and where that
// redirects to.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tools/fetch/http_file.h"
#include "tools/fetch/protocol.h"
#include "tools/fetch/watchdog.h"

namespace pthview::fetch {
namespace {

constexpr int kSocket = STDIN_FILENO;
constexpr int kDefaultPatience = 30;
constexpr uint64_t kLongestAddress = 1 << 20;
constexpr size_t kPiece = size_t{64} << 10;

std::chrono::seconds Patience() {
  const char* text = std::getenv("PTHVIEW_HTTP_TIMEOUT");
  int seconds = kDefaultPatience;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), seconds);
  return std::chrono::seconds(seconds > 0 && seconds <= 86400 ? seconds : kDefaultPatience);
}

bool Send(const Reply& reply, std::string_view payload = {}) {
  return SendBytes(kSocket, &reply, sizeof(reply)) && SendBytes(kSocket, payload.data(), payload.size());
}

bool SendError(const Error& error) {
  const std::string text = PackError(error);
  return Send({.say = Say::kError, .number = static_cast<uint32_t>(error.code), .length = text.size()}, text);
}

bool SendData(std::string_view bytes) { return Send({.say = Say::kData, .length = bytes.size()}, bytes); }

class Session {
 public:
  Session() : connections_(Patience()), watchdog_(kSocket, Patience()) {}

  // False when the other side is gone.
  bool Answer(const Request& request) { return request.ask == Ask::kOpen ? Open(request) : Read(request); }

 private:
  bool Open(const Request& request) {
    if (request.length > kLongestAddress) return false;
    std::string address(static_cast<size_t>(request.length), '\0');
    if (!ReceiveBytes(kSocket, address.data(), address.size())) return false;
    auto url = ParseUrl(address);
    if (!url) return SendError(url.error());
    auto file = std::make_unique<HttpFile>(std::move(*url), connections_, watchdog_);
    auto head = file->Open();
    if (!head) return SendError(head.error());
    const Reply opened{.say = Say::kOpened, .number = static_cast<uint32_t>(files_.size()), .size = file->size()};
    files_.push_back(std::move(file));
    return Send(opened) && SendData(*head) && Send({.say = Say::kEnd});
  }

  bool Read(const Request& request) {
    if (request.file >= files_.size() || request.length == 0) return false;
    std::string pending;  // httplib hands out 4 KB at a time
    bool gone = false;
    const Status status = files_[request.file]->Read(request.offset, request.length, [&](std::string_view bytes) {
      pending += bytes;
      if (pending.size() < kPiece) return true;
      gone = !SendData(pending);
      pending.clear();
      return !gone;
    });
    if (gone) return false;
    if (!status) return SendError(status.error());
    return SendData(pending) && Send({.say = Say::kEnd});
  }

  Connections connections_;
  Watchdog watchdog_;
  std::vector<std::unique_ptr<HttpFile>> files_;
};

}  // namespace
}  // namespace pthview::fetch

int main() {
  using namespace pthview::fetch;  // NOLINT(google-build-using-namespace)
  signal(SIGPIPE, SIG_IGN);
  if (isatty(STDIN_FILENO) == 1) {
    constexpr std::string_view kText = "pthview-fetch is a part of pthview: `pthview list https://host/model.pth`\n";
    [[maybe_unused]] ssize_t wrote = write(STDERR_FILENO, kText.data(), kText.size());
    return 2;
  }
  Session session;
  Request request;
  while (ReceiveBytes(kSocket, &request, sizeof(request)) && session.Answer(request)) {
  }
  _exit(0);
}
