// A window of a tensor's values, and the values of all scalars: what the page's grid shows, a screenful at a time.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::server {

inline constexpr int64_t kMaxWindow = 65536;  // values
inline constexpr size_t kMaxScalars = 5000;   // of one file
inline constexpr int64_t kMaxWindowRows = 256;

// A part of the tensor as a matrix: the first `split` dimensions make the rows, the others the columns.
struct WindowRange {
  int64_t split = 1;
  int64_t row = 0;
  int64_t rows = 0;
  int64_t column = 0;
  int64_t columns = 0;
};

// `{"rows", "columns", "row", "column", "values"}`, cut where the matrix ends; values as ValuesJson writes them, row by
// row. Sparse tensors give their dense values. kNotFound when there is no such tensor, kUsage when the window is more
// than kMaxWindow values or kMaxWindowRows rows; else as ForEachBlock.
Result<std::string> WindowJson(const Model& model, uint64_t index, WindowRange range);

// `{"scalars": [[index, value], ...]}`: the tensors of no dimensions that have a value, the first kMaxScalars of them.
Result<std::string> ScalarsJson(const Model& model);

}  // namespace pthview::server
