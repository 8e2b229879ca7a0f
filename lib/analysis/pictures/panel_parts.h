// What the kinds of panels share: their heads, and what must be said. For the files of this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/analysis/pictures/cell_grid.h"
#include "lib/analysis/pictures/panel.h"
#include "lib/analysis/pictures/tensor_panel.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::pictures {

// "12,300"
std::string CountText(int64_t number);

// The panel's head: name, type, range of `all` (behind it `of`, where that is not the whole tensor), and what stands
// for values that are not finite.
Panel BeginPanel(const Tensor& tensor, const Cell& all, std::string_view of);

// What the values are, where they are not plainly those of the tensor; and that some lie beyond the colours.
void NoteValues(const Tensor& tensor, const CellGrid& grid, Panel& panel);
void NoteRange(const Scale& scale, Panel& panel);

// Colours for these values: `wanted`, or `usual` with zero in its middle, or (empty) diverging colours unless all
// values are of one sign, the positive one.
Scale ScaleFor(std::span<const double> means, const ColorMap* wanted, std::string_view usual);

// One each for the kinds, as PlotTensor.
Result<Panel> PlotHeatmap(const Model& model, const Tensor& tensor, const PlotOptions& options);
Result<Panel> PlotFilters(const Model& model, const Tensor& tensor, const PlotOptions& options);
Result<Panel> PlotAttention(const Model& model, const Tensor& tensor, const PlotOptions& options);
Result<Panel> PlotLines(const Model& model, const Tensor& tensor, const PlotOptions& options);
Result<Panel> PlotNorms(const Model& model, const Tensor& tensor, const PlotOptions& options);
Result<Panel> PlotHistogram(const Model& model, const Tensor& tensor, const PlotOptions& options);

}  // namespace pthview::pictures
