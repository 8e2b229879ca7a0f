#include "lib/analysis/pictures/color.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace pthview::pictures {
namespace {

constexpr double kInside = 0.995;
constexpr double kWorthClipping = 1.5;

// Lightness of the stations is even, and the same on both sides of a diverging map.
constexpr ColorMap kMaps[] = {
    {"blue-red", true, {{{20, 69, 138}, {92, 153, 211}, {247, 247, 247}, {226, 121, 88}, {142, 26, 29}}}},
    {"purple-orange", true, {{{73, 33, 120}, {147, 125, 196}, {247, 247, 247}, {193, 123, 38}, {96, 48, 0}}}},
    {"sea", false, {{{15, 26, 74}, {24, 82, 128}, {38, 141, 146}, {124, 196, 172}, {232, 246, 230}}}},
    {"gray", false, {{{17, 17, 17}, {70, 70, 70}, {128, 128, 128}, {190, 190, 190}, {255, 255, 255}}}},
};

struct Lab {
  double l = 0;
  double a = 0;
  double b = 0;
};

double Linear(uint8_t value) {
  const double c = value / 255.0;
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

uint8_t Gamma(double value) {
  const double c = std::clamp(value, 0.0, 1.0);
  const double shown = c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055;
  return static_cast<uint8_t>(std::lround(shown * 255));
}

// The matrices are those of OKLab's definition.
Lab LabOf(Color color) {
  const double r = Linear(color.red);
  const double g = Linear(color.green);
  const double b = Linear(color.blue);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

Color ColorOf(const Lab& lab) {
  const double l = std::pow(lab.l + 0.3963377774 * lab.a + 0.2158037573 * lab.b, 3);
  const double m = std::pow(lab.l - 0.1055613458 * lab.a - 0.0638541728 * lab.b, 3);
  const double s = std::pow(lab.l - 0.0894841775 * lab.a - 1.2914855480 * lab.b, 3);
  return {Gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          Gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          Gamma(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

// The value below which `share` of them lie; reorders.
double Percentile(std::vector<double>& values, double share) {
  const auto at = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

}  // namespace

std::string HexOf(Color color) { return fmt::format("#{:02x}{:02x}{:02x}", color.red, color.green, color.blue); }

double LightnessOf(Color color) { return LabOf(color).l; }

Color ColorMap::At(double share) const {
  const double place = std::isnan(share) ? 2 : std::clamp(share, 0.0, 1.0) * 4;
  const auto station = std::min<size_t>(static_cast<size_t>(place), 3);
  const double way = place - static_cast<double>(station);
  if (way == 0) return stations[station];
  if (way == 1) return stations[station + 1];
  const Lab from = LabOf(stations[station]);
  const Lab to = LabOf(stations[station + 1]);
  return ColorOf({from.l + (to.l - from.l) * way, from.a + (to.a - from.a) * way, from.b + (to.b - from.b) * way});
}

std::vector<Color> ColorMap::Table(size_t count) const {
  std::vector<Color> colors(count);
  for (size_t i = 0; i < count; ++i) colors[i] = At(static_cast<double>(i) / static_cast<double>(count - 1));
  return colors;
}

std::span<const ColorMap> ColorMaps() { return kMaps; }

const ColorMap* ColorMapByName(std::string_view name) {
  const auto* found = std::ranges::find(kMaps, name, &ColorMap::name);
  return found == std::end(kMaps) ? nullptr : found;
}

ColorRange RobustRange(std::span<const double> values, bool diverging) {
  std::vector<double> finite;
  finite.reserve(values.size());
  for (double value : values) {
    if (std::isfinite(value)) finite.push_back(diverging ? std::fabs(value) : value);
  }
  if (finite.empty()) return {};
  const auto [least, most] = std::ranges::minmax(finite);
  if (diverging) {
    double limit = Percentile(finite, kInside);
    if (limit == 0 || most <= limit * kWorthClipping) limit = most;
    return {-limit, limit, limit < most};
  }
  if (least == most) return {least - std::fabs(least), least + std::fabs(least), false};
  double high = Percentile(finite, kInside);
  double low = Percentile(finite, 1 - kInside);
  const double inside = high - low;
  if (inside == 0 || most - low <= inside * kWorthClipping) high = most;
  if (inside == 0 || high - least <= inside * kWorthClipping) low = least;
  return {low, high, low > least || high < most};
}

double ShareOf(double value, const ColorRange& range) {
  // Halves, so that the difference of two huge doubles is finite.
  const double width = range.high / 2 - range.low / 2;
  return width > 0 ? (value / 2 - range.low / 2) / width : 0.5;
}

}  // namespace pthview::pictures
