#include "tools/server/watcher.h"

#include <sys/stat.h>

#include <chrono>

#include "lib/base/json.h"

namespace pthview::server {

Watcher::Watcher(Sessions* sessions, EventHub* events) : events_(events) {
  for (const std::unique_ptr<Session>& session : sessions->all()) {
    watched_.push_back({session.get(), {{session->path(), Sign(session->path())}}, {}});
  }
}

Watcher::~Watcher() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watcher::Start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::milliseconds(500), [this] { return stopping_; })) {
      lock.unlock();
      Poll();
      lock.lock();
    }
  });
}

void Watcher::Poll() {
  for (Watched& watched : watched_) PollOne(watched);
}

Watcher::Signature Watcher::Sign(const std::string& path) {
  struct stat facts{};
  if (stat(path.c_str(), &facts) != 0) return {};
  return {static_cast<int64_t>(facts.st_dev), static_cast<int64_t>(facts.st_ino), facts.st_size, facts.st_mtim.tv_sec,
          facts.st_mtim.tv_nsec};
}

std::map<std::string, Watcher::Signature> Watcher::Look(const Session& session) {
  std::map<std::string, Signature> found = {{session.path(), Sign(session.path())}};
  std::shared_ptr<const Snapshot> snapshot = session.snapshot();
  if (!snapshot->model) return found;
  for (const std::unique_ptr<ByteSource>& source : snapshot->model->sources) {
    std::string path = source->real_path();
    if (!path.empty()) found.try_emplace(path, Sign(path));
  }
  return found;
}

void Watcher::PollOne(Watched& watched) {
  std::map<std::string, Signature> now = Look(*watched.session);
  bool changed = false;
  for (const auto& [path, signature] : now) {
    auto [at, added] = watched.loaded.try_emplace(path, signature);  // added: a file that the last load brought in
    changed |= !added && at->second != signature;
  }
  if (!changed) {
    watched.pending.clear();
    return;
  }
  if (now != watched.pending) {
    watched.pending = std::move(now);
    return;
  }
  watched.loaded = std::move(now);
  watched.pending.clear();
  watched.session->Load();
  std::string data;
  JsonWriter(&data)
      .BeginObject()
      .Key("id")
      .String(watched.session->id())
      .Key("version")
      .Uint(watched.session->snapshot()->version)
      .EndObject();
  events_->Publish("changed", data);
}

}  // namespace pthview::server
