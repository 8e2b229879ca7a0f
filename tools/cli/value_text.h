// The values of a tensor as text, laid out as NumPy does: rows in brackets, long dimensions shortened in the middle.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/model/model.h"
#include "tools/cli/slice.h"

namespace pthview {

// Reads only what it shows: at most a thousand elements in full, else three at either end of each dimension. Quantized
// tensors show the numbers they stand for.
Result<std::string> ValuesText(const Model& model, const TensorWindow& window);

// The window's values in row-major order as texts, at most `limit` of them.
Result<std::vector<std::string>> FlatValues(const Model& model, const TensorWindow& window, int64_t limit);

}  // namespace pthview
