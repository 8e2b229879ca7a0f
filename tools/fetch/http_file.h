// One file on a server, read by range requests.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/url.h"
#include "tools/fetch/answer.h"
#include "tools/fetch/watchdog.h"

namespace httplib {
class ClientImpl;
}

namespace pthview::fetch {

// Kept-alive connections, one for each origin and login.
class Connections {
 public:
  explicit Connections(std::chrono::seconds patience);
  ~Connections();
  httplib::ClientImpl& To(const Url& url);

 private:
  std::chrono::seconds patience_;
  std::map<std::string, std::unique_ptr<httplib::ClientImpl>> clients_;
};

// Takes bytes as they come; false: they are not wanted any more.
using Sink = std::function<bool(std::string_view)>;

class HttpFile {
 public:
  HttpFile(Url url, Connections& connections, Watchdog& watchdog)
      : url_(std::move(url)), at_(url_), connections_(connections), watchdog_(watchdog) {}

  // The first kHeadBytes of the file, or all of it. Follows redirects, and comes back to where they led.
  Result<std::string> Open();
  uint64_t size() const { return known_ ? known_->size : 0; }

  // Hands exactly [offset, offset + length) on, which must lie in the file and behind its first bytes.
  Status Read(uint64_t offset, uint64_t length, const Sink& sink);

 private:
  struct Transfer;
  Status Run(Transfer& transfer);
  Verdict Request(Transfer& transfer);
  Verdict WhatBroke(int error);
  std::string Host() const { return at_.Origin(); }

  Url url_;  // as the user named it
  Url at_;   // where redirects led to
  Connections& connections_;
  Watchdog& watchdog_;
  std::optional<Known> known_;
};

}  // namespace pthview::fetch
