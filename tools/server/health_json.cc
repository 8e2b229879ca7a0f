#include "tools/server/health_json.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "lib/analysis/statistics/health.h"
#include "lib/analysis/statistics/optimizer_state.h"
#include "lib/analysis/statistics/statistics.h"
#include "lib/base/json.h"

namespace pthview::server {
namespace {

constexpr int64_t kMostRows = 1 << 16;  // whose statistics are judged one by one

std::optional<UpdateFigures> UpdateOf(const Model& model, Index index) {
  std::vector<StateOfParameter> states = JoinOptimizerStates(model);
  auto found = std::ranges::find(states, index, &StateOfParameter::parameter);
  if (found == states.end()) return std::nullopt;
  Result<UpdateFigures> update = ComputeUpdate(model, *found);
  if (!update) return std::nullopt;  // what can be said of the weight is said without it
  return std::move(*update);
}

}  // namespace

Result<std::string> HealthJson(const Model& model, uint64_t index, const std::atomic<bool>* cancelled) {
  if (index >= model.tensors.size()) {
    return Error{.code = ErrorCode::kNotFound, .message = "there is no tensor " + std::to_string(index)};
  }
  const Tensor& tensor = model.tensors[index];
  HealthSubject subject{.tensor = static_cast<Index>(index)};
  Result<Statistics> statistics = ComputeStatistics(model, tensor, {.cancelled = cancelled});
  if (!statistics && statistics.error().code == ErrorCode::kInterrupted) return std::move(statistics).error();
  if (statistics) subject.statistics = &*statistics;
  std::vector<Statistics> rows;
  if (statistics && tensor.shape.size() > 1 && tensor.shape[0] <= kMostRows) {
    if (Result<std::vector<Statistics>> channels = ComputeChannelStatistics(model, tensor, 0, {.cancelled = cancelled}))
      rows = std::move(*channels);
  }
  subject.rows = rows;
  std::optional<UpdateFigures> update = UpdateOf(model, static_cast<Index>(index));
  if (update) subject.update = &*update;

  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("warnings").BeginArray();
  if (statistics) {
    for (const HealthWarning& warning : JudgeHealth(model, std::array{subject})) {
      json.BeginObject().Key("code").String(warning.code).Key("why").String(warning.why);
      json.Key("meaning").String(warning.meaning).EndObject();
    }
  }
  json.EndArray().Key("update");
  if (!update) {
    json.Null();
  } else {
    json.BeginObject().Key("kind").String(update->kind);
    json.Key("gradient").Double(update->gradient).Key("noise").Double(update->noise);
    json.Key("update").Double(update->update).Key("weight").Double(update->weight).Key("ratio").Double(update->ratio);
    json.Key("learning_rate").Double(update->learning_rate).Key("assumed").String(update->assumed).EndObject();
  }
  json.EndObject();
  return text;
}

}  // namespace pthview::server
