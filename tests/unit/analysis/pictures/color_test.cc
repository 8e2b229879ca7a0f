#include "lib/analysis/pictures/color.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace pthview::pictures {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// How a person without the middle cones sees a colour.
// Source: G. Machado, M. Oliveira, L. Fernandes, "A Physiologically-based Model for Simulation of Color Vision
// Deficiency", 2009, deuteranomaly of severity 1.
Color Deuteranope(Color c) {
  auto mix = [&](double r, double g, double b) {
    return static_cast<uint8_t>(std::lround(std::fmin(255, std::fmax(0, r * c.red + g * c.green + b * c.blue))));
  };
  return {mix(0.367322, 0.860646, -0.227968), mix(0.280085, 0.672501, 0.047413), mix(-0.01182, 0.04294, 0.968881)};
}

int Distance(Color a, Color b) {
  return std::abs(a.red - b.red) + std::abs(a.green - b.green) + std::abs(a.blue - b.blue);
}

TEST(ColorMaps, MagnitudeIsSeenByLightnessAlone) {
  for (const ColorMap& map : ColorMaps()) {
    for (int i = 1; i <= 100; ++i) {
      const double before = LightnessOf(map.At((i - 1) / 100.0));
      const double here = LightnessOf(map.At(i / 100.0));
      if (map.diverging && i > 50) {
        EXPECT_LT(here, before) << map.name << " at " << i;
      } else {
        EXPECT_GT(here, before) << map.name << " at " << i;
      }
    }
  }
}

TEST(ColorMaps, ZeroOfADivergingMapIsItsMiddleAndBothEndsAreEquallyDark) {
  for (const ColorMap& map : ColorMaps()) {
    if (!map.diverging) continue;
    EXPECT_EQ(map.At(0.5), (Color{247, 247, 247}));
    EXPECT_NEAR(LightnessOf(map.At(0)), LightnessOf(map.At(1)), 0.03) << map.name;
    EXPECT_NEAR(LightnessOf(map.At(0.25)), LightnessOf(map.At(0.75)), 0.03) << map.name;
  }
}

TEST(ColorMaps, SignsAreToldApartWithoutRedAndGreen) {
  for (const ColorMap& map : ColorMaps()) {
    if (!map.diverging) continue;
    for (double amount : {0.2, 0.4, 0.6, 0.8, 1.0}) {
      const Color low = Deuteranope(map.At(0.5 - amount / 2));
      const Color high = Deuteranope(map.At(0.5 + amount / 2));
      EXPECT_GT(Distance(low, high), 40) << map.name << " " << amount;
    }
  }
}

TEST(ColorMaps, ValuesThatAreNotFiniteLookLikeNoOther) {
  for (const ColorMap& map : ColorMaps()) {
    for (Color color : map.Table()) {
      EXPECT_GT(Distance(color, kNanColor), 60) << map.name;
      EXPECT_GT(Distance(color, kInfinityColor), 60) << map.name;
    }
  }
}

TEST(ColorMaps, OutsideAndNanAreSafe) {
  const ColorMap& map = ColorMaps().front();
  EXPECT_EQ(map.At(-3), map.At(0));
  EXPECT_EQ(map.At(kInf), map.At(1));
  EXPECT_EQ(map.At(kNan), map.At(0.5));
  EXPECT_EQ(map.Table(257)[128], map.At(0.5));
}

TEST(RobustRange, IsSymmetricAboutZero) {
  ColorRange range = RobustRange(std::vector<double>{-1, 0, 3}, true);
  EXPECT_EQ(range.low, -3);
  EXPECT_EQ(range.high, 3);
  EXPECT_FALSE(range.clipped);
}

TEST(RobustRange, AFarValueDoesNotSpoilIt) {
  std::vector<double> values(1000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) / 1000;
  values[7] = -500;
  ColorRange range = RobustRange(values, true);
  EXPECT_NEAR(range.high, 0.995, 0.01);
  EXPECT_TRUE(range.clipped);
  range = RobustRange(values, false);
  EXPECT_GT(range.low, -1);
  EXPECT_TRUE(range.clipped);
}

TEST(RobustRange, OfNearlyAllZeros) {
  std::vector<double> values(1000);
  values[3] = 2;
  ColorRange range = RobustRange(values, true);
  EXPECT_EQ(range.high, 2);
  EXPECT_FALSE(range.clipped);
}

TEST(RobustRange, OfNothingAndOfOneValue) {
  for (bool diverging : {false, true}) {
    EXPECT_EQ(RobustRange({}, diverging).high, 0);
    EXPECT_EQ(RobustRange(std::vector<double>{kNan, kInf, -kInf}, diverging).high, 0);
    EXPECT_EQ(ShareOf(0, RobustRange(std::vector<double>{0, 0}, diverging)), 0.5);
  }
  EXPECT_EQ(ShareOf(5, RobustRange(std::vector<double>{5}, false)), 0.5);
  EXPECT_EQ(ShareOf(5, RobustRange(std::vector<double>{5}, true)), 1);
}

TEST(RobustRange, HugeValuesDoNotOverflow) {
  ColorRange range = RobustRange(std::vector<double>{-1.7e308, 1.7e308}, true);
  EXPECT_EQ(ShareOf(0, range), 0.5);
  EXPECT_EQ(ShareOf(1.7e308, range), 1);
}

}  // namespace
}  // namespace pthview::pictures
