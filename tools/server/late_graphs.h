// Recorded graphs that a plug-in computes, made beside the server: a page is shown at once, and is told how far they
// are.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "plugins/host/graph_plugins.h"
#include "tools/server/session.h"

namespace pthview::server {

class LateGraphs {
 public:
  LateGraphs() = default;
  ~LateGraphs();
  LateGraphs(const LateGraphs&) = delete;
  LateGraphs& operator=(const LateGraphs&) = delete;

  // Starts the work on a session whose graphs are coming, unless this state of its file was asked for before; nothing
  // for others. Thread-safe; the session must outlive this. One file after the other.
  void Ask(Session* session);

 private:
  struct Job {
    Session* session;
    std::shared_ptr<const Snapshot> snapshot;
  };
  void Work();
  static void Make(const Job& job, plugins::GraphCache& cache);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::map<const Session*, uint64_t> asked_;  // version
  std::map<const Session*, plugins::GraphCache> caches_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pthview::server
