// Colours of values: maps from numbers to colours, and the range that a map is spread over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pthview::pictures {

struct Color {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
  bool operator==(const Color&) const = default;
};

// "#1a2b3c"
std::string HexOf(Color color);

// Of what has no place on a map. Blocks that hold any such value have these, so that a large tensor hides none.
inline constexpr Color kNanColor{255, 212, 0};
inline constexpr Color kInfinityColor{0, 200, 83};

// Colours between given ones, even steps in OKLab (Ottosson, 2020): equal differences of value look alike.
struct ColorMap {
  std::string_view name;
  bool diverging;                 // the middle stands for zero
  std::array<Color, 5> stations;  // at 0, 1/4, 1/2, 3/4, 1

  // `share` from 0 to 1; what is outside is clamped.
  Color At(double share) const;
  // 256 colours, of shares 0 to 1 with 0.5 at index 127.5: what a picture of many cells looks up.
  std::vector<Color> Table(size_t count = 256) const;
};

// blue-red (the first: what is taken unless another is asked for), purple-orange, dark blue to pale green ("sea"),
// gray. All are told apart by people who confuse red and green, and on paper by lightness: a diverging one is lightest
// at zero.
std::span<const ColorMap> ColorMaps();
// nullptr when there is none of that name.
const ColorMap* ColorMapByName(std::string_view name);

// The OKLab lightness of a colour, 0 to 1.
double LightnessOf(Color color);

// What the ends of a map stand for.
struct ColorRange {
  double low = 0;
  double high = 0;
  bool clipped = false;  // some values lie outside, and have the colour of the end
};

// A range that a few far values do not spoil: of a diverging map symmetric about zero, up to the 99.5th percentile of
// the absolute values where the largest is more than one and a half times that; of others from the 0.5th to the 99.5th
// in the same way. Values that are not finite are left out. All equal, or none: the range is [0, 0], or [v - |v|, v +
// |v|] about a single value v for a map that is not diverging.
ColorRange RobustRange(std::span<const double> values, bool diverging);

// The share of the map that a value has in the range: 0.5 where the range is empty.
double ShareOf(double value, const ColorRange& range);

}  // namespace pthview::pictures
