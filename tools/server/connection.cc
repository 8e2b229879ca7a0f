#include "tools/server/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pthview::server {

bool Connection::Poll(short events, Clock::time_point deadline) const {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd_, events, 0};
    int count = poll(&entry, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    if (count > 0) return true;
    if (count == 0 || errno != EINTR) return false;
  }
}

bool Connection::Fill(Clock::time_point deadline) {
  if (!Poll(POLLIN, deadline)) return false;
  ssize_t got = recv(fd_, buffer_, sizeof(buffer_), MSG_DONTWAIT);
  if (got <= 0) return false;
  begin_ = 0;
  end_ = static_cast<size_t>(got);
  return true;
}

bool Connection::WaitForRequest() {
  header_bytes_ = 0;
  header_lines_ = 0;
  if (begin_ == end_ && !Fill(Clock::now() + kIdle)) return false;
  header_deadline_ = Clock::now() + kHeader;
  return true;
}

bool Connection::IsGone() const {
  pollfd entry{fd_, POLLRDHUP, 0};
  return poll(&entry, 1, 0) > 0;
}

bool Connection::is_writable() const { return !failed_ && !IsGone() && Poll(POLLOUT, Clock::now() + kStalled); }

ssize_t Connection::read(char* to, size_t size) {
  if (failed_ || (begin_ == end_ && !Fill(header_deadline_))) {
    failed_ = true;
    return -1;
  }
  size_t count = std::min(size, end_ - begin_);
  header_bytes_ += count;
  header_lines_ += static_cast<int>(std::count(buffer_ + begin_, buffer_ + begin_ + count, '\n'));
  if (header_bytes_ > kMaxHeaderBytes || header_lines_ > kMaxHeaderLines) {
    failed_ = true;
    return -1;
  }
  std::memcpy(to, buffer_ + begin_, count);
  begin_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t Connection::write(const char* from, size_t size) {
  size_t written = 0;
  while (written < size) {
    ssize_t count = send(fd_, from + written, size - written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      written += static_cast<size_t>(count);
      continue;
    }
    bool full = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (!full || !Poll(POLLOUT, Clock::now() + kStalled)) {
      failed_ = true;
      return -1;
    }
  }
  return static_cast<ssize_t>(written);
}

// Every client is on this machine, and nobody asks for its port.
void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip = "127.0.0.1";
  port = 0;
}
void Connection::get_local_ip_and_port(std::string& ip, int& port) const { get_remote_ip_and_port(ip, port); }

}  // namespace pthview::server
