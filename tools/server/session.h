// The files that are being shown, each under an opaque id ("0", "1", ...).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/model.h"
#include "tools/server/outline.h"

namespace pthview::server {

// One state of one file. Never changed once it is shared: a reader keeps the one it took while another takes its place.
struct Snapshot {
  std::shared_ptr<const Model> model;           // null: the file could never be opened
  std::shared_ptr<const Outline> outline;       // views into `model`
  std::shared_ptr<const std::string> document;  // the structure document (model_json.h)
  std::shared_ptr<const std::string> graphs;    // graph_json.h
  bool graphs_coming = false;                   // a plug-in can make them, and they are not there yet
  uint64_t size = 0;                            // bytes of the file
  uint64_t version = 1;                         // counts successful loads
  std::optional<Error> error;                   // why the newest state of the file could not be opened
};

class Session {
 public:
  Session(std::string id, std::string path, std::string name);

  // Opens the file and, when that works, puts the new state in place of the old one. When it fails the old model stays,
  // with the error beside it: a training run may be in the midst of writing. True when the model was replaced.
  bool Load();

  // Puts graphs that came later beside the model they are of; nothing when the file has been loaded anew since.
  void SetGraphs(uint64_t version, std::string graphs, bool coming);

  std::shared_ptr<const Snapshot> snapshot() const;
  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  const std::string& name() const {
    return name_;
  }  // the path without its folders, or as much of them as tells files apart

 private:
  std::string id_;
  std::string path_;
  std::string name_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
};

class Sessions {
 public:
  // Nothing is opened yet.
  explicit Sessions(const std::vector<std::string>& paths);
  Session* Find(std::string_view id) const;
  const std::vector<std::unique_ptr<Session>>& all() const { return all_; }

  // `{"files": [...], "watch": ...}`.
  std::string Json(bool watching) const;

 private:
  std::vector<std::unique_ptr<Session>> all_;
};

}  // namespace pthview::server
