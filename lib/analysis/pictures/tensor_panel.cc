#include "lib/analysis/pictures/tensor_panel.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/analysis/pictures/panel_parts.h"
#include "lib/analysis/pictures/ticks.h"

namespace pthview::pictures {

std::string CountText(int64_t number) { return NumberText(static_cast<double>(number)); }

Panel BeginPanel(const Tensor& tensor, const Cell& all, std::string_view of) {
  Panel panel;
  panel.title = std::string(tensor.name.empty() ? tensor.path : tensor.name);
  if (panel.title.empty()) panel.title = "(the file's root)";
  std::string facts = TypeText(tensor);
  if (all.count > 0) {
    facts += "   " + NumberText(all.min);
    if (all.min != all.max) facts += fmt::format(" to {}{}", NumberText(all.max), of);
  }
  panel.facts.push_back(facts);
  if (all.nans > 0) {
    panel.keys.push_back({kNanColor, fmt::format("NaN ({})", CountText(all.nans))});
  }
  if (all.infinities > 0) {
    panel.keys.push_back({kInfinityColor, fmt::format("infinite ({})", CountText(all.infinities))});
  }
  return panel;
}

void NoteValues(const Tensor& tensor, const CellGrid& grid, Panel& panel) {
  if (grid.magnitudes) panel.notes.emplace_back("absolute values of complex numbers");
  if (grid.codes) panel.notes.emplace_back("integer codes: the scales of its channels are not applied");
  if (tensor.quantization != kNone && !grid.codes) panel.notes.emplace_back("quantized values, dequantized");
}

void NoteRange(const Scale& scale, Panel& panel) {
  if (!scale.range.clipped) return;
  panel.notes.push_back(fmt::format("colours end at {} and {}; what is beyond has the colour of the end",
                                    NumberText(scale.range.low), NumberText(scale.range.high)));
}

Scale ScaleFor(std::span<const double> means, const ColorMap* wanted, std::string_view usual) {
  if (wanted == nullptr) {
    const bool negative = std::ranges::any_of(means, [](double mean) { return mean < 0; });
    const bool positive = std::ranges::any_of(means, [](double mean) { return mean > 0; });
    wanted = !usual.empty() ? ColorMapByName(usual) : ColorMapByName(negative || !positive ? "blue-red" : "sea");
  }
  return {wanted, RobustRange(means, wanted->diverging || !usual.empty())};
}

std::string TypeText(const Tensor& tensor) {
  std::string text(DTypeName(tensor.dtype));
  text += " [";
  for (size_t i = 0; i < tensor.shape.size(); ++i) text += fmt::format("{}{}", i > 0 ? ", " : "", tensor.shape[i]);
  text += ']';
  if (tensor.layout != Layout::kDense) text += fmt::format(" {}", LayoutName(tensor.layout));
  return text;
}

Result<Panel> PlotTensor(const Model& model, const Tensor& tensor, const PlotOptions& options) {
  if (tensor.data == DataState::kPresent && tensor.numel == 0 && tensor.layout == Layout::kDense) {
    Panel panel = BeginPanel(tensor, {}, "");
    panel.charts.push_back({.kind = ChartKind::kText, .text = "no elements"});
    return panel;
  }
  // In the order of PlotKind.
  using Plot = Result<Panel> (*)(const Model&, const Tensor&, const PlotOptions&);
  static constexpr Plot kPlots[] = {PlotHistogram, PlotHeatmap, PlotFilters, PlotAttention, PlotNorms, PlotLines};
  return kPlots[static_cast<size_t>(options.kind)](model, tensor, options);
}

}  // namespace pthview::pictures
