#include "tools/server/window.h"

#include <algorithm>
#include <optional>

#include "lib/analysis/statistics/dense_copy.h"
#include "lib/base/json.h"
#include "tools/server/tensor_json.h"

namespace pthview::server {
namespace {

bool IsSparse(Layout layout) { return layout >= Layout::kSparseCoo && layout <= Layout::kSparseBsc; }

// Rows and columns of the whole matrix. Their product is numel, which fits.
struct Matrix {
  int64_t rows = 1;
  int64_t columns = 1;
};

Matrix MatrixOf(const Tensor& tensor, int64_t split) {
  Matrix matrix;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.numel == 0) return {0, 0};
    (static_cast<int64_t>(i) < split ? matrix.rows : matrix.columns) *= tensor.shape[i];
  }
  return matrix;
}

}  // namespace

Result<std::string> WindowJson(const Model& model, uint64_t index, WindowRange range) {
  if (index >= model.tensors.size()) {
    return Error{.code = ErrorCode::kNotFound, .message = "there is no tensor " + std::to_string(index)};
  }
  const Tensor& listed = model.tensors[index];
  std::optional<Model> made;
  if (IsSparse(listed.layout)) {
    PTHVIEW_ASSIGN(made, DenseCopy(model, listed));
  }
  const Model& from = made ? *made : model;
  const Tensor& tensor = made ? made->tensors.front() : listed;
  Matrix matrix = MatrixOf(tensor, range.split);
  range.row = std::clamp<int64_t>(range.row, 0, matrix.rows);
  range.column = std::clamp<int64_t>(range.column, 0, matrix.columns);
  range.rows = std::clamp<int64_t>(range.rows, 0, matrix.rows - range.row);
  range.columns = std::clamp<int64_t>(range.columns, 0, matrix.columns - range.column);
  if (range.rows > kMaxWindowRows || range.columns > kMaxWindow || range.rows * range.columns > kMaxWindow) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "a window has at most " + std::to_string(kMaxWindow) + " values and " +
                            std::to_string(kMaxWindowRows) + " rows"};
  }
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("rows").Int(range.rows).Key("columns").Int(range.columns);
  json.Key("row").Int(range.row).Key("column").Int(range.column);
  json.Key("values").BeginArray();
  if (range.columns == matrix.columns) {
    PTHVIEW_TRY(WriteValues(json, from, tensor, range.row * matrix.columns, range.rows * matrix.columns));
  } else {
    for (int64_t row = range.row; row < range.row + range.rows; ++row) {
      PTHVIEW_TRY(WriteValues(json, from, tensor, row * matrix.columns + range.column, range.columns));
    }
  }
  json.EndArray().EndObject();
  return text;
}

Result<std::string> ScalarsJson(const Model& model) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("scalars").BeginArray();
  size_t written = 0;
  for (size_t i = 0; i < model.tensors.size() && written < kMaxScalars; ++i) {
    const Tensor& tensor = model.tensors[i];
    if (!tensor.shape.empty() || tensor.layout != Layout::kDense || tensor.data != DataState::kPresent) continue;
    Result<std::string> value = ValuesJson(model, tensor, 1);
    if (!value) continue;  // its own panel says why
    json.BeginArray().Uint(i).Raw(std::string_view(*value).substr(1, value->size() - 2)).EndArray();
    ++written;
  }
  json.EndArray().EndObject();
  return text;
}

}  // namespace pthview::server
