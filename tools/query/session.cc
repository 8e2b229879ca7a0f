#include "tools/query/session.h"

#include <utility>

#include "lib/analysis/structure/structure.h"

namespace pthview::query {

void Session::InferAllModules() {
  if (modules_) return;
  modules_ = true;
  for (File& file : files_) {
    InferModules(*file.model);
    CountModules(file);
  }
}

void Session::CountModules(File& file) {
  const Model& model = *file.model;
  std::vector<ModuleCounts>& counts = file.counts;
  counts.resize(model.modules.size());
  for (size_t p = 0; p < model.parts.size(); ++p) {
    if (model.parts[p].root != kNone) counts[model.parts[p].root].part = static_cast<Index>(p);
  }
  // Parents come before their children.
  for (size_t m = 0; m < model.modules.size(); ++m) {
    const Module& module = model.modules[m];
    if (module.parent != kNone) {
      counts[m].part = counts[module.parent].part;
      counts[m].depth = counts[module.parent].depth + 1;
    }
    for (Index t : module.tensors) {
      if (model.tensors[t].kind == TensorKind::kParameter) counts[m].own += model.tensors[t].numel;
    }
    counts[m].below = counts[m].own;
    counts[m].tensors_below = static_cast<int64_t>(module.tensors.size());
  }
  for (size_t m = model.modules.size(); m-- > 0;) {
    const Index parent = model.modules[m].parent;
    if (parent == kNone) continue;
    counts[parent].below += counts[m].below;
    counts[parent].tensors_below += counts[m].tensors_below;
  }
}

const ModuleCounts& Session::CountsOf(size_t file, Index module) { return files_[file].counts[module]; }

const TensorFigures& Session::FiguresOf(size_t file, Index tensor, bool percentiles) {
  auto [found, is_new] = files_[file].figures.try_emplace(tensor);
  TensorFigures& figures = found->second;
  const bool lacks = percentiles && figures.statistics && figures.statistics->percentiles.empty();
  if (!is_new && !lacks) return figures;
  if (!progress_) progress_.emplace("reading", 0);
  StatisticsOptions options{.percentiles = percentiles};
  options.cancelled = &stopped_;
  options.advance = [this](uint64_t bytes) {
    progress_->Advance(bytes);
    if (stop_ && stop_()) stopped_ = true;
  };
  ++tensors_read_;
  auto computed = ComputeStatistics(model(file), model(file).tensors[tensor], options);
  if (computed) {
    figures.statistics = std::move(*computed);
  } else {
    figures.reason = computed.error().message;
  }
  return figures;
}

}  // namespace pthview::query
