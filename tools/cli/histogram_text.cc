#include "tools/cli/histogram_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "tools/cli/console.h"
#include "tools/cli/text_table.h"

namespace pthview {
namespace {

constexpr size_t kBarsOfLine = 24;
constexpr size_t kWidestBar = 48;  // characters, of eight steps each

// As few groups of equally many neighbouring bins as `most` allows; the last group may be smaller.
std::vector<int64_t> Grouped(const std::vector<int64_t>& counts, size_t most, size_t* bins_each) {
  *bins_each = most >= counts.size() ? 1 : (counts.size() + most - 1) / most;
  std::vector<int64_t> groups((counts.size() + *bins_each - 1) / *bins_each);
  for (size_t i = 0; i < counts.size(); ++i) groups[i / *bins_each] += counts[i];
  return groups;
}

// Where bin edge `i` of `count` is, as a value; halves, so that the difference of two huge doubles is finite.
double EdgeOf(const Histogram& histogram, size_t i, size_t count) {
  const double share = static_cast<double>(i) / static_cast<double>(count);
  const double at = histogram.low * (1 - share) + histogram.high * share;
  return histogram.log ? std::pow(10, at) : at;
}

}  // namespace

std::string HistogramLine(const Histogram& histogram) {
  static constexpr auto kBars = std::to_array<std::string_view>({"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"});
  size_t each = 1;
  const std::vector<int64_t> counts = Grouped(histogram.counts, kBarsOfLine, &each);
  const int64_t most = counts.empty() ? 0 : *std::ranges::max_element(counts);
  std::string text;
  for (int64_t count : counts) {
    const double height = most > 0 ? std::sqrt(static_cast<double>(count) / static_cast<double>(most)) : 0;
    text += count == 0 ? " " : kBars[static_cast<size_t>(std::clamp(height * 8, 0.0, 7.0))];
  }
  return text;
}

std::vector<std::string> HistogramBars(const Histogram& histogram, size_t most) {
  static constexpr auto kEighths = std::to_array<std::string_view>({"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"});
  size_t each = 1;
  const std::vector<int64_t> counts = Grouped(histogram.counts, most, &each);
  const int64_t highest = counts.empty() ? 0 : *std::ranges::max_element(counts);
  std::vector<std::array<std::string, 2>> edges;
  size_t width = 0;
  size_t digits = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const size_t end = std::min((i + 1) * each, histogram.counts.size());
    edges.push_back({ShortNumber(EdgeOf(histogram, i * each, histogram.counts.size())),
                     ShortNumber(EdgeOf(histogram, end, histogram.counts.size()))});
    for (const std::string& edge : edges.back()) width = std::max(width, edge.size());
    digits = std::max(digits, WithCommas(static_cast<uint64_t>(counts[i])).size());
  }
  std::vector<std::string> lines;
  if (histogram.log) lines.emplace_back("magnitudes; zeros are left out");
  for (size_t i = 0; i < counts.size(); ++i) {
    const double share = highest > 0 ? static_cast<double>(counts[i]) / static_cast<double>(highest) : 0;
    auto eighths = static_cast<size_t>(std::lround(share * static_cast<double>(kWidestBar * 8)));
    if (counts[i] > 0) eighths = std::max<size_t>(eighths, 1);
    std::string bar;
    for (size_t n = 0; n < eighths / 8; ++n) bar += "█";
    bar += kEighths[eighths % 8];
    lines.push_back(fmt::format("{:>{}} .. {:<{}}  {:>{}}  {}", edges[i][0], width, edges[i][1], width,
                                WithCommas(static_cast<uint64_t>(counts[i])), digits, bar));
    while (lines.back().ends_with(' ')) lines.back().pop_back();
  }
  return lines;
}

}  // namespace pthview
