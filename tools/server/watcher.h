// Noticing that a file was rewritten, and loading it again (`--watch`).
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tools/server/events.h"
#include "tools/server/session.h"

namespace pthview::server {

// Polls, because inotify sees neither network file systems nor a file that is replaced by renaming without further
// care. A change is taken up when two polls in a row see the same size, time and inode: until then someone is still
// writing.
class Watcher {
 public:
  // Borrows both. Remembers how the files are now, so construct it before loading them.
  Watcher(Sessions* sessions, EventHub* events);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Polls twice a second in a thread of its own until destroyed.
  void Start();

  // One look at every file. Each reload, successful or not, is published as `changed`.
  void Poll();

 private:
  // Empty when there is no such file.
  using Signature = std::vector<int64_t>;
  struct Watched {
    Session* session;
    std::map<std::string, Signature> loaded;   // as of the last load, for each file that the model reads
    std::map<std::string, Signature> pending;  // as of the last poll, when that differed
  };

  static Signature Sign(const std::string& path);
  static std::map<std::string, Signature> Look(const Session& session);
  void PollOne(Watched& watched);

  EventHub* events_;
  std::vector<Watched> watched_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pthview::server
