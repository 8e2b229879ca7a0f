// A tensor as a picture of one of several kinds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/analysis/pictures/panel.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::pictures {

enum class PlotKind : uint8_t { kHistogram, kHeatmap, kFilters, kAttention, kNorms, kLines };

// "histogram", "heatmap", "filters", "attention", "norms", "lines", in the order of the enumeration.
std::span<const std::string_view> PlotKindNames();

// The kind that suits: filters of convolutions as tiles, projections of attentions per head, embeddings' norms, other
// matrices as heatmaps, vectors as lines; histograms of what cannot be laid out (nested tensors, large sparse ones,
// pairs of numbers). Expects InferModules to have been called: classes of modules count.
PlotKind SuitingKind(const Model& model, const Tensor& tensor);

struct PlotOptions {
  PlotKind kind = PlotKind::kHeatmap;
  const ColorMap* colors = nullptr;  // nullptr: what suits
  int64_t heads = 0;                 // 0: what the file records, or an assumption
  // Pixels of cells and tiles: all of them together have at most this many.
  int64_t most_rows = 400;
  int64_t most_columns = 532;
  int64_t budget = int64_t{1} << 26;  // elements that are read for cells
  Color between{203, 212, 226};       // tiles
  int64_t most_tile_scale = 12;       // a weight of a filter is at most so many pixels wide
};

// Never a picture of something else: what was averaged, sampled, left out, clipped or assumed is in the notes. Empty
// tensors give a chart of text. kUsage where the kind does not fit the shape; else as MakeCellGrid and
// ComputeStatistics.
Result<Panel> PlotTensor(const Model& model, const Tensor& tensor, const PlotOptions& options);

// "float32 [64, 3, 7, 7]": for tensors whose values cannot be had, too.
std::string TypeText(const Tensor& tensor);

}  // namespace pthview::pictures
