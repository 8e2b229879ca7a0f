#include "tools/fetch/watchdog.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include <httplib.h>

#include "tools/fetch/bytes_received.h"

namespace pthview::fetch {
namespace {

constexpr uint64_t kMostHead = 256 << 10;  // with the certificates that precede it
constexpr uint64_t kLeastProgress = 1024;
constexpr int kLookEveryMs = 20;

}  // namespace

Watchdog::Watchdog(int socket, std::chrono::seconds patience) : socket_(socket), patience_(patience) {
  std::thread([this] {
    while (true) {
      pollfd gone{socket_, POLLRDHUP, 0};
      if (::poll(&gone, 1, kLookEveryMs) > 0) _exit(0);
      Look();
    }
  }).detach();
}

void Watchdog::Begin(const httplib::ClientImpl* client) {
  std::lock_guard lock(mutex_);
  client_ = client;
  in_head_ = true;
  barked_ = Barked::kNo;
  mark_bytes_ = begin_bytes_ = BytesReceived(client->socket());
  mark_ = Clock::now();
}

void Watchdog::HeadIsRead() {
  std::lock_guard lock(mutex_);
  in_head_ = false;
}

Barked Watchdog::End() {
  std::lock_guard lock(mutex_);
  client_ = nullptr;
  return barked_;
}

void Watchdog::Look() {
  std::lock_guard lock(mutex_);
  if (client_ == nullptr || barked_ != Barked::kNo) return;
  const int connection = client_->socket();
  if (connection < 0) return;  // connecting has a time-out of its own
  const uint64_t bytes = BytesReceived(connection);
  if (bytes < begin_bytes_) begin_bytes_ = mark_bytes_ = 0;  // a new connection
  // What waits may be a body: a busy machine can bring megabytes before the head has been looked at.
  const uint64_t looked_at = bytes - std::min(bytes, begin_bytes_ + BytesWaiting(connection));
  if (in_head_ && looked_at > kMostHead) barked_ = Barked::kLongHead;
  if (Clock::now() - mark_ >= patience_) {
    if (bytes - std::min(bytes, mark_bytes_) < kLeastProgress) barked_ = Barked::kSlow;
    mark_bytes_ = bytes;
    mark_ = Clock::now();
  }
  // Not ClientImpl::stop, which waits for a TLS handshake to end.
  if (barked_ != Barked::kNo) ::shutdown(connection, SHUT_RDWR);
}

}  // namespace pthview::fetch
