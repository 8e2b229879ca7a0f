#include "tools/server/heatmap.h"

#include <charconv>
#include <limits>
#include <utility>

#include "lib/base/json.h"

namespace pthview::server {

Result<std::string> HeatmapJson(const Model& model, uint64_t index, const pictures::GridRegion& region) {
  if (index >= model.tensors.size()) {
    return Error{.code = ErrorCode::kNotFound, .message = "there is no tensor " + std::to_string(index)};
  }
  PTHVIEW_ASSIGN(
      const pictures::CellGrid grid,
      pictures::MakeCellGrid(model, model.tensors[index], region,
                             {.most_rows = kHeatmapSide, .most_columns = kHeatmapSide, .dequantize = false}));
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const auto [low, high] = grid.MeanRange().value_or(std::pair{kNone, kNone});
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("rows").Int(grid.rows).Key("columns").Int(grid.columns);
  json.Key("low").Double(low).Key("high").Double(high);
  json.Key("values").BeginArray();
  for (const pictures::Cell& cell : grid.cells) {
    if (cell.count == 0) {
      json.String("NaN");
      continue;
    }
    // Six digits are more than a colour shows, and a third of a double's text.
    char number[40];
    char* end = std::to_chars(number, number + sizeof(number), cell.Mean(), std::chars_format::general, 6).ptr;
    json.Raw({number, static_cast<size_t>(end - number)});
  }
  json.EndArray();
  json.Key("sampled").Bool(grid.sampled);
  json.EndObject();
  return text;
}

}  // namespace pthview::server
