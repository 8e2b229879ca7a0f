#include "tools/cli/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

namespace pthview {

std::string Sparkline(std::span<const double> values) {
  static constexpr auto kBars = std::to_array<std::string_view>({"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"});
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::string text;
  for (double value : values) {
    if (!std::isfinite(value)) {
      text += ' ';
      continue;
    }
    // Halves, so that the difference of two huge doubles is finite.
    double range = high / 2 - low / 2;
    double share = range > 0 ? (value / 2 - low / 2) / range : 0.5;
    text += kBars[static_cast<size_t>(std::clamp(share * 8, 0.0, 7.0))];
  }
  return text;
}

}  // namespace pthview
