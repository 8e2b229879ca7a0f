// One client's socket as the HTTP library sees it: a Stream with limits of ours, since the library has none on the
// number and size of headers, and waits longer for slow clients than anyone should.
#pragma once

#include <chrono>
#include <string>

#include <httplib.h>

namespace pthview::server {

class Connection : public httplib::Stream {
 public:
  static constexpr size_t kMaxHeaderBytes = 16384;  // request line and all headers together
  static constexpr int kMaxHeaderLines = 100;
  static constexpr std::chrono::seconds kIdle{30};     // between requests
  static constexpr std::chrono::seconds kHeader{10};   // from a request's first byte to the end of its headers
  static constexpr std::chrono::seconds kStalled{10};  // no byte of an answer taken

  // Borrows the descriptor.
  explicit Connection(int fd) : fd_(fd) {}

  // Waits for the first byte of a request, and opens its budget. False: the client is gone, or idle for too long.
  bool WaitForRequest();
  // A limit was passed or the client went away: nothing more to be had from this connection.
  bool failed() const { return failed_; }
  // True when the client has closed its side; for answers that never end.
  bool IsGone() const;

  bool is_readable() const override { return true; }
  bool is_writable() const override;
  ssize_t read(char* to, size_t size) override;
  ssize_t write(const char* from, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return fd_; }

 private:
  using Clock = std::chrono::steady_clock;
  // True when `events` came before the deadline.
  bool Poll(short events, Clock::time_point deadline) const;
  bool Fill(Clock::time_point deadline);

  int fd_;
  bool failed_ = false;
  char buffer_[4096];
  size_t begin_ = 0;  // of what was received and not yet read
  size_t end_ = 0;
  size_t header_bytes_ = 0;
  int header_lines_ = 0;
  Clock::time_point header_deadline_;
};

}  // namespace pthview::server
