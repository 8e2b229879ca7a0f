#include "tools/fetch/http_file.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

#include "tools/fetch/protocol.h"

namespace pthview::fetch {
namespace {

constexpr int kMostRedirects = 5;
constexpr size_t kMostConnections = 8;
constexpr uint64_t kMostIgnored = 64 << 10;  // of the page that comes with a redirect
constexpr uint64_t kResetTriesAfter = 1 << 20;
constexpr uint32_t kWaitsMs[] = {200, 600, 1500};
constexpr auto kLongestConnecting = std::chrono::seconds(10);

Head HeadOf(const httplib::Response& response) {
  const auto value = [&](const char* name) { return response.get_header_value(name); };
  return {.status = response.status,
          .content_range = value("Content-Range"),
          .content_length = value("Content-Length"),
          .content_type = value("Content-Type"),
          .content_encoding = value("Content-Encoding"),
          .transfer_encoding = value("Transfer-Encoding"),
          .location = value("Location"),
          .retry_after = value("Retry-After"),
          .etag = value("ETag"),
          .modified = value("Last-Modified")};
}

Verdict Broken(Step step, ErrorCode code, std::string message, std::string hint = {}) {
  return {.step = step, .error = {.code = code, .message = std::move(message), .hint = std::move(hint)}};
}

}  // namespace

Connections::Connections(std::chrono::seconds patience) : patience_(patience) {}
Connections::~Connections() = default;

httplib::ClientImpl& Connections::To(const Url& url) {
  const std::string key = url.Origin() + ' ' + url.user + ' ' + url.password;
  if (auto found = clients_.find(key); found != clients_.end()) return *found->second;
  if (clients_.size() >= kMostConnections) clients_.clear();
  std::unique_ptr<httplib::ClientImpl> client;
  if (url.secure) {
    client = std::make_unique<httplib::SSLClient>(url.host, url.port);
    client->enable_server_certificate_verification(true);
  } else {
    client = std::make_unique<httplib::ClientImpl>(url.host, url.port);
  }
  client->set_keep_alive(true);
  client->set_follow_location(false);  // each step is judged here
  client->set_url_encode(false);       // Url has done it
  client->set_decompress(false);
  client->set_tcp_nodelay(true);
  client->set_connection_timeout(std::min(patience_, kLongestConnecting));
  client->set_read_timeout(2 * patience_);  // the watchdog is to bark first
  client->set_write_timeout(patience_);
  if (!url.user.empty() || !url.password.empty()) client->set_basic_auth(url.user, url.password);
  return *clients_.emplace(key, std::move(client)).first->second;
}

// Bytes of a file on their way, over as many requests as it takes.
struct HttpFile::Transfer {
  uint64_t offset = 0;
  uint64_t length = 0;
  const Sink& sink;
  uint64_t done = 0;
};

// One request and its answer. kPart and kWhole: all of it has been handed on.
Verdict HttpFile::Request(Transfer& transfer) {
  const Wanted wanted{transfer.offset + transfer.done, transfer.length - transfer.done, known_};
  const httplib::Headers headers = {{"Accept", "*/*"},
                                    {"Accept-Encoding", "identity"},
                                    {"Range", RangeHeader(wanted)},
                                    {"User-Agent", "pthview/" PTHVIEW_VERSION}};
  httplib::ClientImpl& client = connections_.To(at_);
  std::optional<Verdict> verdict;
  uint64_t got = 0;
  bool wanted_more = true;
  const auto on_head = [&](const httplib::Response& response) {
    watchdog_.HeadIsRead();
    const Head head = HeadOf(response);
    verdict = Judge(wanted, head);
    if (verdict->step == Step::kRedirect) {
      auto to = ResolveRedirect(at_, head.location);
      if (to) {
        at_ = std::move(*to);
      } else {
        verdict = {.step = Step::kFail, .error = std::move(to).error()};
      }
    }
    return verdict->step == Step::kPart || verdict->step == Step::kWhole || verdict->step == Step::kRedirect;
  };
  const auto on_body = [&](const char* data, size_t length) {
    got += length;
    if (verdict->step == Step::kRedirect) return got <= kMostIgnored;
    if (got > verdict->length.value_or(kMostWhole)) return false;
    transfer.done += length;
    wanted_more = transfer.sink({data, length});
    return wanted_more;
  };
  watchdog_.Begin(&client);
  const httplib::Result result = client.Get(at_.Target(), headers, on_head, on_body);
  const Barked barked = watchdog_.End();
  if (!wanted_more) return Broken(Step::kFail, ErrorCode::kInterrupted, "interrupted");
  if (barked == Barked::kSlow) {
    return Broken(Step::kFail, ErrorCode::kIo, fmt::format("{} does not answer, or too slowly", Host()),
                  "try again later; PTHVIEW_HTTP_TIMEOUT=SECONDS waits longer");
  }
  if (barked == Barked::kLongHead) {
    return Broken(Step::kFail, ErrorCode::kCorrupt,
                  fmt::format("the answer of {} begins with an endless header", Host()));
  }
  if (!verdict && result) verdict = Judge(wanted, HeadOf(*result));  // statuses that never have a body
  if (!verdict) return WhatBroke(static_cast<int>(result.error()));
  if (verdict->step == Step::kPart && !known_) known_ = verdict->known;
  if (verdict->step != Step::kPart && verdict->step != Step::kWhole) return std::move(*verdict);
  if (got > verdict->length.value_or(kMostWhole)) {
    return Broken(Step::kFail, ErrorCode::kCorrupt,
                  verdict->length ? "the server sends more than it announces"
                                  : fmt::format("the server cannot send parts of a file (no range requests), and all "
                                                "of it is more than {} MB",
                                                kMostWhole >> 20));
  }
  if (!result || (verdict->length && got < *verdict->length)) {
    return Broken(Step::kAgain, ErrorCode::kIo, fmt::format("the connection to {} broke off", Host()), "try again");
  }
  return std::move(*verdict);
}

// What httplib says when no head of an answer came.
Verdict HttpFile::WhatBroke(int error) {
  switch (static_cast<httplib::Error>(error)) {
    case httplib::Error::Connection:
      return Broken(known_ ? Step::kAgain : Step::kFail, ErrorCode::kIo, fmt::format("cannot connect to {}", Host()),
                    "check the address and the network");
    case httplib::Error::ConnectionTimeout:
      return Broken(Step::kFail, ErrorCode::kIo, fmt::format("{} does not answer", Host()),
                    "check the address and the network");
    case httplib::Error::SSLConnection:
      return Broken(Step::kFail, ErrorCode::kIo, fmt::format("no secure connection to {} can be made", Host()),
                    "check whether it speaks https at this port");
    case httplib::Error::SSLServerVerification:
      return Broken(Step::kFail, ErrorCode::kIo, fmt::format("the certificate of {} is not trusted", Host()),
                    "SSL_CERT_FILE=FILE names the certificates to trust instead of the system's");
    case httplib::Error::SSLLoadingCerts:
      return Broken(Step::kFail, ErrorCode::kIo, "the certificates to trust cannot be loaded",
                    "install ca-certificates, or set SSL_CERT_FILE");
    default:
      return Broken(Step::kAgain, ErrorCode::kIo, fmt::format("the connection to {} broke off", Host()), "try again");
  }
}

// Requests until everything is there: after redirects, and again after what may pass.
Status HttpFile::Run(Transfer& transfer) {
  int redirects = 0;
  size_t tries = 0;
  uint64_t done_before = 0;
  bool renewed = at_ == url_;
  while (true) {
    Verdict verdict = Request(transfer);
    switch (verdict.step) {
      case Step::kEmpty:
      case Step::kWhole:
        if (!known_) known_ = Known{.size = transfer.done, .etag = {}, .modified = {}};
        return Ok();
      case Step::kPart: return Ok();
      case Step::kRedirect:
        if (++redirects > kMostRedirects) {
          return Error{.code = ErrorCode::kUnsupported,
                       .message = fmt::format("the server redirects more than {} times", kMostRedirects)};
        }
        continue;
      case Step::kFail:
        // Where a redirect led may hold for minutes only. Asking from the start again gives a new address.
        if (!renewed && known_ && verdict.refused) {
          renewed = true;
          at_ = url_;
          continue;
        }
        return std::move(verdict.error);
      case Step::kAgain:
        if (transfer.done - done_before >= kResetTriesAfter) tries = 0;
        done_before = transfer.done;
        if (tries == std::size(kWaitsMs) || (transfer.done > 0 && !known_)) return std::move(verdict.error);
        std::this_thread::sleep_for(std::chrono::milliseconds(std::max(kWaitsMs[tries], verdict.wait_ms)));
        ++tries;
        continue;
    }
  }
}

Result<std::string> HttpFile::Open() {
  std::string head;
  const Sink sink = [&](std::string_view bytes) {
    head += bytes;
    return true;
  };
  Transfer transfer{.length = kHeadBytes, .sink = sink};
  PTHVIEW_TRY(Run(transfer));
  return head;
}

Status HttpFile::Read(uint64_t offset, uint64_t length, const Sink& sink) {
  Transfer transfer{.offset = offset, .length = length, .sink = sink};
  return Run(transfer);
}

}  // namespace pthview::fetch
