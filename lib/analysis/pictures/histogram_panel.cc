// All values as bars.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/pictures/panel_parts.h"
#include "lib/analysis/pictures/ticks.h"
#include "lib/analysis/statistics/statistics.h"

namespace pthview::pictures {
namespace {

constexpr int kMostBars = 160;
constexpr double kFar = 12;  // times what 98 % of the values span

}  // namespace

Result<Panel> PlotHistogram(const Model& model, const Tensor& tensor, const PlotOptions& /*options*/) {
  PTHVIEW_ASSIGN(const Statistics s, ComputeStatistics(model, tensor, {.percentiles = true}));
  Cell all;
  all.count = s.finite;
  all.nans = s.nans;
  all.infinities = s.infinities;
  all.min = s.min;
  all.max = s.max;
  Panel panel = BeginPanel(tensor, all, "");
  if (s.finite == 0) {
    panel.charts.push_back({.kind = ChartKind::kText, .text = s.count == 0 ? "no elements" : "no finite values"});
    return panel;
  }
  panel.facts.push_back(fmt::format("{} values: mean {}, std {}, zeros {}", CountText(s.count), NumberText(s.mean),
                                    NumberText(s.std), CountText(s.zeros)));
  Statistics span = s;
  // A few far values would make one bar of all others.
  const double inside = s.percentiles.back() - s.percentiles.front();
  const bool cut = inside > 0 && s.max / kFar - s.min / kFar > inside;
  if (cut) {
    span.min = std::max(s.min, s.percentiles.front() - inside);
    span.max = std::min(s.max, s.percentiles.back() + inside);
  }
  PTHVIEW_ASSIGN(Histogram histogram, ComputeHistogram(model, tensor, span, {}));
  if (histogram.counts.size() > kMostBars) {
    PTHVIEW_ASSIGN(histogram, ComputeHistogram(model, tensor, span, {.bins = kMostBars}));
  }
  Chart chart{.kind = ChartKind::kBars,
              .x_label = "value",
              .y_label = "values",
              .x_low = histogram.low,
              .x_high = histogram.high};
  chart.counts = histogram.counts;
  panel.charts.push_back(std::move(chart));
  panel.notes.push_back(fmt::format(
      "{} bins of width {}", histogram.counts.size(),
      NumberText((histogram.high / 2 - histogram.low / 2) / static_cast<double>(histogram.counts.size()) * 2)));
  if (span.min > s.min) {
    panel.notes.push_back(fmt::format("the first bar also holds what is below, down to {}", NumberText(s.min)));
  }
  if (span.max < s.max) {
    panel.notes.push_back(fmt::format("the last bar also holds what is above, up to {}", NumberText(s.max)));
  }
  if (s.nans + s.infinities > 0) panel.notes.emplace_back("bars are of the finite values");
  if (Info(tensor.dtype).kind == DTypeClass::kComplex) panel.notes.emplace_back("absolute values of complex numbers");
  if (tensor.quantization != kNone) panel.notes.emplace_back("quantized values, dequantized");
  return panel;
}

}  // namespace pthview::pictures
