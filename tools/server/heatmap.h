// A tensor as a picture of at most 256 x 256 cells, each the mean of a block: what the page draws in place of the
// values.
#pragma once

#include <cstdint>
#include <string>

#include "lib/analysis/pictures/cell_grid.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::server {

inline constexpr int64_t kHeatmapSide = 256;

// `{"rows", "columns", "low", "high", "values", "sampled"}`. The tensor is looked at as a matrix: its first dimension
// by the rest; of it only `region` is drawn. Finite values only; a cell without any is the string "NaN". Complex values
// count by their absolute value, quantized ones by their integer code. Beyond 16 M elements each cell averages a sample
// of its block, evenly spread, so that the time stays bounded whatever the shape says. Errors as those of ForEachBlock;
// kNotFound when there is no such tensor.
Result<std::string> HeatmapJson(const Model& model, uint64_t index, const pictures::GridRegion& region = {});

}  // namespace pthview::server
