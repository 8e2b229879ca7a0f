#include "tools/cli/trace_picture.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace pthview {
namespace {

using pictures::Chart;
using pictures::ChartKind;
using pictures::Series;

// Two tensors without a difference have no cosine where they are all zeros.
double CosineOf(const std::optional<Difference>& d) {
  if (!d) return Difference::kNone;
  return std::isnan(d->cosine) && d->verdict == Verdict::kEqual ? 1 : d->cosine;
}

}  // namespace

pictures::Panel TracePanel(const Trace& trace, const CheckpointOrder& order) {
  pictures::Panel panel;
  panel.title = trace.name;
  panel.columns = 2;
  Series mean{.label = "mean"};
  Series norm{.label = "L2 norm"};
  Series ratio{.label = "update ratio"};
  Series first{.label = "to the first"};
  Series before{.label = "to the one before"};
  std::vector<double> x;
  int64_t nans = 0;
  for (size_t i = 0; i < trace.points.size(); ++i) {
    const TracePoint& point = trace.points[i];
    const Statistics s = point.statistics.value_or(Statistics{});
    x.push_back(order.steps.empty() ? static_cast<double>(i + 1) : order.steps[point.file]);
    mean.y.push_back(s.mean);
    mean.low.push_back(s.mean - s.std);
    mean.high.push_back(s.mean + s.std);
    norm.y.push_back(s.l2);
    ratio.y.push_back(point.update_ratio);
    first.y.push_back(CosineOf(point.from_first));
    before.y.push_back(CosineOf(point.from_before));
    nans += s.nans + s.infinities > 0 ? 1 : 0;
  }
  auto add = [&](std::string caption, std::vector<Series> series) {
    Chart chart{.kind = ChartKind::kLines, .caption = std::move(caption)};
    chart.x_label = order.key.empty() ? "file" : order.key;
    for (Series& each : series) each.x = x;
    chart.series = std::move(series);
    if (!x.empty()) {
      const auto [low, high] = std::ranges::minmax(x);
      chart.x_low = low;
      chart.x_high = high;
    }
    panel.charts.push_back(std::move(chart));
  };
  add("mean; the band is one standard deviation each way", {std::move(mean)});
  add("L2 norm", {std::move(norm)});
  add("update ratio: norm of the change over the norm before", {std::move(ratio)});
  add("cosine to the first, and to the one before", {std::move(first), std::move(before)});
  panel.facts.push_back(fmt::format("{} checkpoint{}", trace.points.size(), trace.points.size() == 1 ? "" : "s"));
  if (order.key.empty()) panel.notes.emplace_back("no step or epoch that all files have: in the order of their names");
  if (nans > 0)
    panel.notes.push_back(fmt::format("{} of them hold NaN or infinities; figures are of the others", nans));
  return panel;
}

}  // namespace pthview
