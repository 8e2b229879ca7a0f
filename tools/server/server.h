// The HTTP server: listens on 127.0.0.1 and lets http_guard and api answer.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "tools/server/api.h"
#include "tools/server/events.h"

namespace pthview::server {

class Server {
 public:
  // Borrows `api` and `events`. Without `watching`, the address of the events answers 204, which ends a page's asking.
  Server(Api* api, EventHub* events, bool watching);
  ~Server();

  // Binds 127.0.0.1:port (0: a free one). A port that another process listens on is an error (kIo).
  Status Bind(int port);
  // `http://127.0.0.1:PORT/?token=...`; after Bind.
  std::string url() const;

  // Answers until Stop() is called from another thread; false when listening failed before that.
  bool Run();
  // Ends Run, closes every connection, and waits a moment for their threads. True when none is left; else some still
  // read weights, and the process should end without waiting for them.
  bool Stop();

 private:
  class Http;
  std::unique_ptr<Http> http_;
};

}  // namespace pthview::server
