// A row a tensor with its first values and their mean: what `show` says of several tensors at once.
#pragma once

#include <span>

#include "lib/base/result.h"
#include "lib/model/model.h"
#include "tools/cli/console.h"
#include "tools/cli/selection.h"

namespace pthview {

// Name, dtype, shape, requires_grad, mean, and the first three values; what all rows have in common is a sentence
// above, as in PrintTensorTable. All values are read for the means, but those of large files on other machines,
// what has no numbers, and what is far more than the file (a bomb): these have a "-". Values of quantized tensors are
// the numbers they stand for.
Status PrintOverview(Output& out, const Style& style, const Model& model, const Selection& selection, size_t width);

// The first `most` values of a tensor as short texts ("-0.0123"); empty where there are none.
std::vector<std::string> FirstValues(const Model& model, const Tensor& tensor, int64_t most);

}  // namespace pthview
