#include "tools/server/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>

#include "tools/server/connection.h"
#include "tools/server/connections.h"
#include "tools/server/http_guard.h"

namespace pthview::server {
namespace {

// A thread for each connection: they are few (Connections), and none can keep another waiting.
class ThreadPerConnection : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> serve) override {
    try {
      std::thread(serve).detach();
    } catch (const std::system_error&) {
      refuse_ = true;  // no thread to be had: let the library's callback run here only to close the socket
      serve();
      refuse_ = false;
    }
  }
  void shutdown() override {}

  static bool refusing() { return refuse_; }

 private:
  static thread_local bool refuse_;
};
thread_local bool ThreadPerConnection::refuse_ = false;

// The library's default also sets SO_REUSEPORT, with which a second server would share the port instead of failing.
void SetSocketOptions(socket_t fd) {
  int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

// `/` with every parameter of the request but the token, still encoded as it came.
std::string WithoutToken(const std::string& target) {
  std::string location = "/";
  size_t at = target.find('?');
  while (at != std::string::npos) {
    size_t end = target.find_first_of("&#", at + 1);
    std::string parameter = target.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (!parameter.empty() && !parameter.starts_with("token=")) {
      location += (location.size() == 1 ? "?" : "&") + parameter;
    }
    at = end != std::string::npos && target[end] == '&' ? end : std::string::npos;
  }
  return location;
}

Reply Refusal(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMethod: return TextReply(405, "Only GET and HEAD are answered here.\n");
    case Verdict::kBadHost:
    case Verdict::kBadOrigin:
      return TextReply(403, "This server answers only pages of its own, at 127.0.0.1, localhost or [::1].\n");
    default: return TextReply(403, "Open the address that `pthview serve` printed: it holds the key to this page.\n");
  }
}

void Send(const httplib::Request& request, const Reply& reply, httplib::Response& response) {
  response.status = reply.status;
  for (const auto& [name, value] : reply.headers) response.headers.emplace(name, value);
  response.set_header("Cache-Control", reply.etag.empty() ? "no-store" : "no-cache");
  if (!reply.etag.empty()) {
    response.set_header("ETag", reply.etag);
    if (request.get_header_value("If-None-Match") == reply.etag) {
      response.status = 304;
      return;
    }
  }
  if (reply.stream && reply.length > 0) {
    response.set_content_provider(
        reply.length, reply.type, [stream = reply.stream](size_t, size_t, httplib::DataSink& sink) {
          return stream(
              [&](std::string_view piece) { return sink.is_writable() && sink.write(piece.data(), piece.size()); });
        });
    return;
  }
  if (!reply.shared) {
    response.set_content(reply.body, reply.type);
    return;
  }
  response.set_content_provider(reply.shared->size(), reply.type,
                                [text = reply.shared](size_t offset, size_t length, httplib::DataSink& sink) {
                                  return sink.write(text->data() + offset, length);
                                });
}

}  // namespace

class Server::Http : public httplib::Server {
 public:
  Http(Api* api, EventHub* events, bool watching) : api_(api), events_(events), watching_(watching) {
    new_task_queue = [] { return new ThreadPerConnection; };
    set_address_family(AF_INET);
    set_tcp_nodelay(true);  // the library writes head and body apart, which Nagle's algorithm would delay by 40 ms
    set_keep_alive_max_count(1000);
    set_keep_alive_timeout(Connection::kIdle.count());
    set_payload_max_length(0);
    set_socket_options(SetSocketOptions);
    httplib::Headers headers;
    for (const auto& [name, value] : SecurityHeaders()) headers.emplace(name, value);
    set_default_headers(std::move(headers));
    // One handler for everything: the library's own routing matches regular expressions against what a client sends.
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, response);
      return HandlerResponse::Handled;
    });
  }

  Status Bind(int port) {
    errno = 0;
    port_ = port == 0 ? bind_to_any_port("127.0.0.1") : bind_to_port("127.0.0.1", port) ? port : -1;
    if (port_ <= 0) {
      std::string reason = errno == 0 ? "it is in use" : std::strerror(errno);
      return Error{.code = ErrorCode::kIo,
                   .message = "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + reason,
                   .hint = "leave --port out to take a free one"};
    }
    ::listen(svr_sock_, 128);  // the library's queue of 5 is short for a page that loads 20 scripts
    guard_.emplace(port_, RandomToken());
    return Ok();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/?token=" + guard_->token(); }

  bool Run() { return listen_after_bind() || stopping_; }

  bool Stop() {
    stopping_ = true;
    // Pages that read learn that the server ends; only then the library, which cuts every answer under way short.
    events_->Stop();
    events_->WaitUntilLeft(std::chrono::milliseconds(200));
    stop();
    connections_.StopAll();
    return connections_.WaitUntilEmpty(std::chrono::milliseconds(400));
  }

 private:
  // Replaces the library's loop over the requests of one connection.
  bool process_and_close_socket(socket_t fd) override {
    if (ThreadPerConnection::refusing() || !connections_.Enter(fd)) {
      constexpr std::string_view kBusy =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      send(fd, kBusy.data(), kBusy.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      close(fd);
      return false;
    }
    auto connection = std::make_unique<Connection>(fd);
    while (ServeOne(*connection)) connections_.SetBusy(fd, false);
    Linger(fd);
    connections_.Leave(fd);
    close(fd);
    return true;
  }

  // True when the connection may carry another request.
  bool ServeOne(Connection& connection) {
    if (!connection.WaitForRequest()) return false;
    bool closing = false;
    auto prepare = [&](httplib::Request& request) {
      connections_.SetBusy(connection.socket(), true);
      // Whoever asks for a part gets the whole: Netron takes nothing but a plain 200. Nothing is compressed either; the
      // client is on this machine, or behind ssh, which can.
      request.ranges.clear();
      for (const char* header : {"Range", "Accept-Encoding", "Expect"}) request.headers.erase(header);
      // A body is never read, so what follows it on this connection cannot be trusted to be a request.
      if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding")) {
        closing = true;
        request.headers.erase("Connection");
        request.set_header("Connection", "close");
      }
    };
    bool closed_by_client = false;
    asking_ = &connection;
    bool answered = process_request(connection, /*close_connection=*/false, closed_by_client, prepare);
    return answered && !closing && !closed_by_client && !connection.failed() && !stopping_;
  }

  // Closing with bytes unread would reset the connection, and the client might lose the answer that it was sent.
  static void Linger(socket_t fd) {
    ::shutdown(fd, SHUT_WR);
    char rest[4096];
    for (int i = 0; i < 256 && recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; ++i) {
    }
  }

  void Answer(const httplib::Request& request, httplib::Response& response) {
    std::vector<std::string> cookie_headers;
    for (size_t i = 0; i < request.get_header_value_count("Cookie"); ++i) {
      cookie_headers.push_back(request.get_header_value("Cookie", i));
    }
    std::vector<std::string_view> cookies(cookie_headers.begin(), cookie_headers.end());
    std::string host = request.get_header_value("Host");
    std::string origin = request.get_header_value("Origin");
    std::string token = request.get_param_value("token");
    Verdict verdict = guard_->Check({.method = request.method,
                                     .path = request.path,
                                     .host_count = request.get_header_value_count("Host"),
                                     .host = host,
                                     .has_origin = request.has_header("Origin"),
                                     .origin = origin,
                                     .cookies = cookies,
                                     .has_token = request.has_param("token"),
                                     .token = token});
    if (verdict == Verdict::kLogin) {
      Reply reply = TextReply(303, "");
      reply.headers = {{"Location", WithoutToken(request.target)},
                       {"Set-Cookie", guard_->SessionCookie()},
                       {"Set-Cookie", HttpGuard::ConsentCookie()}};
      return Send(request, reply, response);
    }
    if (verdict != Verdict::kAllow) return Send(request, Refusal(verdict), response);
    if (request.path == "/api/v1/events") return AnswerEvents(request, response);
    Send(request, api_->Get(request.path, request.params, [asking = asking_] { return asking->IsGone(); }), response);
  }

  void AnswerEvents(const httplib::Request& request, httplib::Response& response) {
    if (!watching_) return Send(request, {.status = 204, .type = "text/plain"}, response);
    if (request.method != "GET")
      return Send(request, ErrorReply(405, "usage", "events are only read with GET"), response);
    std::shared_ptr<EventHub::Listener> listener = events_->Listen();
    if (!listener) return Send(request, ErrorReply(503, "busy", "too many pages listen already"), response);
    response.status = 200;
    response.set_header("Cache-Control", "no-store");
    auto silent = std::make_shared<int>(0);
    response.set_chunked_content_provider("text/event-stream", [listener, silent](size_t, httplib::DataSink& sink) {
      return SendEvent(*listener, *silent, sink);
    });
  }

  // False ends the answer. Silence is broken now and then, so that both sides notice when the other is gone.
  static bool SendEvent(EventHub::Listener& listener, int& silent, httplib::DataSink& sink) {
    constexpr int kTurnsOfSilence = 30;  // of half a second
    std::string text = ": pthview\n\n";
    if (silent > 0) {
      std::optional<std::string> message = listener.Wait();
      if (!message || !sink.is_writable()) return false;
      if (message->empty() && silent++ < kTurnsOfSilence) return true;
      if (!message->empty()) text = std::move(*message);
    }
    silent = 1;
    return sink.write(text.data(), text.size());
  }

  Api* api_;
  EventHub* events_;
  bool watching_;
  int port_ = 0;
  std::optional<HttpGuard> guard_;
  Connections connections_;
  std::atomic<bool> stopping_{false};
  // Of the request that this thread answers: each connection has a thread of its own.
  static thread_local const Connection* asking_;
};

thread_local const Connection* Server::Http::asking_ = nullptr;

Server::Server(Api* api, EventHub* events, bool watching) : http_(std::make_unique<Http>(api, events, watching)) {}
Server::~Server() = default;
Status Server::Bind(int port) { return http_->Bind(port); }
std::string Server::url() const { return http_->url(); }
bool Server::Run() { return http_->Run(); }
bool Server::Stop() { return http_->Stop(); }

}  // namespace pthview::server
