// The files that a query is about, and what of them is computed only when a query reads it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/analysis/statistics/statistics.h"
#include "lib/base/progress.h"
#include "lib/model/model.h"

namespace pthview::query {

// Parameters of a module: its own, and with all below it.
struct ModuleCounts {
  Index part = kNone;
  int64_t depth = 0;
  int64_t own = 0;
  int64_t below = 0;
  int64_t tensors_below = 0;
};

struct TensorFigures {
  std::optional<Statistics> statistics;
  std::string reason;  // why there are none
};

class Session {
 public:
  // Asked between blocks of values that are read; true: give up.
  explicit Session(std::function<bool()> stop = {}) : stop_(std::move(stop)) {}

  void Add(Model model) { files_.push_back({.model = std::make_unique<Model>(std::move(model))}); }
  size_t size() const { return files_.size(); }
  const Model& model(size_t file) const { return *files_[file].model; }

  // The modules of every file, inferred where they are not recorded, with what is assumed as findings. Cheap the second
  // time.
  void InferAllModules();
  const ModuleCounts& CountsOf(size_t file, Index module);

  // The figures of one tensor, read from the file the first time. With `percentiles` those too.
  const TensorFigures& FiguresOf(size_t file, Index tensor, bool percentiles);
  // Whether it was given up: figures asked for since are missing.
  bool stopped() const { return stopped_; }
  // How many tensors' values were read so far.
  uint64_t tensors_read() const { return tensors_read_; }

 private:
  struct File {
    std::unique_ptr<Model> model;
    std::vector<ModuleCounts> counts = {};
    std::unordered_map<Index, TensorFigures> figures = {};
  };
  void CountModules(File& file);

  std::vector<File> files_;
  bool modules_ = false;
  std::function<bool()> stop_;
  std::atomic<bool> stopped_{false};
  std::optional<Progress> progress_;
  uint64_t tensors_read_ = 0;
};

}  // namespace pthview::query
