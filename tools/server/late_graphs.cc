#include "tools/server/late_graphs.h"

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tools/server/graph_json.h"
#include "tools/server/reply.h"

namespace pthview::server {

LateGraphs::~LateGraphs() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LateGraphs::Ask(Session* session) {
  std::shared_ptr<const Snapshot> snapshot = session->snapshot();
  if (!snapshot->model || !snapshot->graphs_coming) return;
  std::lock_guard lock(mutex_);
  auto [at, is_new] = asked_.try_emplace(session, snapshot->version);
  if (!is_new && std::exchange(at->second, snapshot->version) == snapshot->version) return;
  jobs_.push_back({session, std::move(snapshot)});
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  wake_.notify_all();
}

void LateGraphs::Work() {
  // The main thread waits for them.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    plugins::GraphCache& cache = caches_[job.session];  // used by this thread alone
    lock.unlock();
    Make(job, cache);
    job = {};
    lock.lock();
  }
}

void LateGraphs::Make(const Job& job, plugins::GraphCache& cache) {
  const Model& model = *job.snapshot->model;
  const Outline& outline = *job.snapshot->outline;
  auto tell = [&](std::string_view state, std::string_view message) {
    job.session->SetGraphs(job.snapshot->version, GraphJson(model, {}, {}, outline, state, message), state == "coming");
  };
  int told = 0;
  auto made = plugins::MakePluginGraphs(
      model,
      [&](int percent) {
        if (percent < told + 5) return;
        told = percent;
        tell("coming", fmt::format("the recorded graph is coming: {}%", percent));
      },
      &cache);
  if (!made) return tell("failed", PageText(made.error()));
  job.session->SetGraphs(job.snapshot->version, GraphJson(model, made->graphs, made->roots, outline, "ready", {}),
                         false);
}

}  // namespace pthview::server
