#include "lib/analysis/pictures/ticks.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace pthview::pictures {
namespace {

// Digits behind the point that tell multiples of `step` apart; beyond these ends numbers are written with an exponent.
constexpr double kLargest = 1e12;
constexpr double kSmallest = 1e-4;

std::string TickText(double value, double step) {
  if (value == 0) return "0";
  const double size = std::fabs(value);
  const int step_power = static_cast<int>(std::floor(std::log10(step) + 1e-9));
  if (step >= 1 && size < kLargest) return NumberText(value);
  if (size >= kLargest || step < kSmallest) {
    const int power = static_cast<int>(std::floor(std::log10(size) + 1e-9));
    return fmt::format("{:.{}e}", value, std::clamp(power - step_power, 0, 12));
  }
  return fmt::format("{:.{}f}", value, std::clamp(-step_power, 0, 12));
}

}  // namespace

std::vector<Tick> TicksBetween(double low, double high, int most) {
  if (!std::isfinite(low) || !std::isfinite(high) || low > high) return {};
  if (low == high || most < 2) return {{low, NumberText(low)}};
  const double width = high / most - low / most;
  if (!std::isfinite(width) || width < 1e-300) return {{low, NumberText(low)}};
  const double power = std::pow(10, std::floor(std::log10(width)));
  for (double factor : {1.0, 2.0, 5.0, 10.0, 20.0}) {
    const double step = power * factor;
    const double first = std::ceil(low / step - 1e-9);
    const double last = std::floor(high / step + 1e-9);
    if (!(last - first + 1 <= most)) continue;
    std::vector<Tick> ticks;
    for (double i = first; i <= last && ticks.size() < static_cast<size_t>(most); ++i) {
      const double value = std::clamp(i * step, low, high);
      ticks.push_back({value, TickText(i * step, step)});
    }
    // Two numbers too near for doubles to count in steps between.
    if (ticks.empty()) ticks.push_back({low, NumberText(low)});
    return ticks;
  }
  return {{low, NumberText(low)}};
}

std::vector<Tick> LogTicksBetween(double low, double high, int most) {
  if (!(low > 0) || !std::isfinite(high) || low > high) return {};
  const int first = static_cast<int>(std::ceil(std::log10(low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
  if (last - first < 1) return TicksBetween(low, high, most);
  const int step = std::max(1, (last - first + most) / std::max(most, 1));
  std::vector<Tick> ticks;
  for (int power = first; power <= last; power += step) {
    const double value = std::pow(10, power);
    ticks.push_back({value, power >= -3 && power <= 4 ? NumberText(value) : fmt::format("1e{}", power)});
  }
  return ticks;
}

std::string NumberText(double value) {
  if (std::fabs(value) < 1000 || std::fabs(value) >= kLargest || value != std::floor(value)) {
    return fmt::format("{:.4g}", value);
  }
  const std::string digits = fmt::format("{:.0f}", std::fabs(value));
  std::string text = value < 0 ? "-" : "";
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace pthview::pictures
