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

// name, dtype, shape, parameters, bytes, kind, device, requires_grad [, sha256], then totals. A tensor that is listed
// twice (the same object), or shares its storage with others, is counted once in the totals.
void PrintTensorTable(Output& out, const Style& style, const Model& model, const Selection& selection,
                      std::span<const size_t> order, std::span<const std::string> hashes);

// How rows are ordered by a column; kUsage with a suggestion for a name that is no column.
using RowLess = std::function<bool(const Tensor&, const Tensor&)>;
Result<RowLess> RowOrder(std::string_view column);

// "[64, 3, 7, 7]".
std::string ShapeText(std::span<const int64_t> shape);

}  // namespace pthview
