// The table of tensors that `list` prints and `show` uses for several hits.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/model/model.h"
#include "tools/cli/console.h"
#include "tools/cli/selection.h"

namespace pthview {

// The room that a table has, and the column (its title; may be empty) that its rows are ordered by.
struct TableFit {
  size_t width;
  std::string sorted;
};

// name, dtype, shape, parameters, bytes, kind, device, requires_grad [, sha256], then totals. Columns that hold one
// value are a sentence above (tensor_columns.h). A tensor that is listed twice (the same object), or shares its storage
// with others, is counted once in the totals.
void PrintTensorTable(Output& out, const Style& style, const Model& model, const Selection& selection,
                      std::span<const size_t> order, std::span<const std::string> hashes, const TableFit& fit);

// How rows are ordered by a column; kUsage with a suggestion for a name that is no column.
using RowLess = std::function<bool(const Tensor&, const Tensor&)>;
Result<RowLess> RowOrder(std::string_view column);

// Whether the classes of the parts' modules are in the file: then requires_grad is what the training used. In a
// state_dict it is False whatever it was.
bool ClassesAreRecorded(const Model& model, const Selection& selection);

// "[64, 3, 7, 7]".
std::string ShapeText(std::span<const int64_t> shape);

}  // namespace pthview
