#include "lib/analysis/compare/trace.h"

#include <map>
#include <string_view>
#include <utility>

#include "lib/analysis/compare/match.h"

namespace pthview {
namespace {

Status Fill(std::span<const Model* const> models, Trace& trace) {
  for (size_t i = 0; i < trace.points.size(); ++i) {
    TracePoint& point = trace.points[i];
    const Model& model = *models[point.file];
    const Tensor& tensor = model.tensors[point.tensor];
    auto statistics = ComputeStatistics(model, tensor);
    if (!statistics) {
      ErrorCode code = statistics.error().code;
      if (code != ErrorCode::kUnsupported && code != ErrorCode::kNotFound && code != ErrorCode::kLimit) {
        return std::move(statistics).error();
      }
      point.reason = statistics.error().message;
      continue;
    }
    point.statistics = std::move(*statistics);
    if (i == 0) continue;
    auto beside = [&](const TracePoint& other) {
      return Compare(*models[other.file], models[other.file]->tensors[other.tensor], model, tensor);
    };
    PTHVIEW_ASSIGN(point.from_before, beside(trace.points[i - 1]));
    if (i == 1) {
      point.from_first = point.from_before;
    } else {
      PTHVIEW_ASSIGN(point.from_first, beside(trace.points[0]));
    }
    const std::optional<Statistics>& before = trace.points[i - 1].statistics;
    if (before && before->l2 > 0) point.update_ratio = point.from_before->distance / before->l2;
  }
  return Ok();
}

}  // namespace

Result<std::vector<Trace>> TraceTensors(std::span<const Model* const> models,
                                        std::span<const std::vector<Index>> chosen, const CheckpointOrder& order) {
  std::vector<Trace> traces;
  std::map<std::string_view, size_t> places;
  for (size_t file : order.order) {
    const Model& model = *models[file];
    std::map<std::string_view, bool> seen;  // the same name in two parts: the first counts
    for (Index t : chosen[file]) {
      std::string_view name = PlainName(model, model.tensors[t]);
      if (!seen.try_emplace(name, true).second) continue;
      auto [place, added] = places.try_emplace(name, traces.size());
      if (added) traces.push_back({.name = std::string(name)});
      traces[place->second].points.push_back({.file = file, .tensor = t});
    }
  }
  for (Trace& trace : traces) PTHVIEW_TRY(Fill(models, trace));
  return traces;
}

}  // namespace pthview
