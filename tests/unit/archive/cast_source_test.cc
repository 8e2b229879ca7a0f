#include "tools/archive/cast_source.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "lib/base/element.h"

namespace pthview::archive {
namespace {

template <typename From, typename To>
std::vector<To> CastAll(const std::vector<From>& values, DType from, DType to) {
  std::vector<std::byte> bytes(values.size() * sizeof(From));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  auto source = OpenMemory("x", bytes);
  auto cast = CastStorage(*source, 0, values.size(), from, to);
  auto made = cast->Read(0, cast->size());
  std::vector<To> out(values.size());
  std::memcpy(out.data(), made->data(), made->size());
  return out;
}

TEST(CastStorage, RoundsToHalfAsIeeeSays) {
  // 65520 is halfway to the infinite; 2^-25 halfway to the least subnormal, of which the even one is 0.
  const std::vector<double> values = {0,
                                      -0.0,
                                      1,
                                      65504,
                                      65519.99,
                                      65520,
                                      std::ldexp(1, -24),
                                      std::ldexp(1, -25),
                                      std::ldexp(3, -26),
                                      2049,
                                      2051,
                                      std::ldexp(1, -14) - std::ldexp(1, -26)};
  const std::vector<uint16_t> expected = {0,      0x8000, 0x3C00, 0x7BFF, 0x7BFF, 0x7C00,
                                          0x0001, 0x0000, 0x0001, 0x6800, 0x6802, 0x0400};
  EXPECT_EQ((CastAll<double, uint16_t>(values, DType::kFloat64, DType::kFloat16)), expected);
}

TEST(CastStorage, EveryHalfComesBackThroughFloatAndBfloat) {
  std::vector<uint16_t> halves;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7C00) != 0x7C00 || (bits & 0x3FF) == 0) halves.push_back(static_cast<uint16_t>(bits));
  }
  auto floats = CastAll<uint16_t, float>(halves, DType::kFloat16, DType::kFloat32);
  EXPECT_EQ((CastAll<float, uint16_t>(floats, DType::kFloat32, DType::kFloat16)), halves);
  auto wide = CastAll<uint16_t, float>(halves, DType::kBFloat16, DType::kFloat32);
  EXPECT_EQ((CastAll<float, uint16_t>(wide, DType::kFloat32, DType::kBFloat16)), halves);
}

TEST(CastStorage, NanStaysNan) {
  auto made = CastAll<float, uint16_t>({std::numeric_limits<float>::quiet_NaN()}, DType::kFloat32, DType::kFloat16);
  EXPECT_TRUE(std::isnan(HalfToFloat(made[0])));
}

TEST(CastStorage, ReadsFromTheMiddleOfAnElement) {
  std::vector<float> values = {1, 2, 3};
  std::vector<std::byte> bytes(12);
  std::memcpy(bytes.data(), values.data(), 12);
  auto source = OpenMemory("x", bytes);
  auto cast = CastStorage(*source, 0, 3, DType::kFloat32, DType::kFloat64);
  auto all = cast->Read(0, 24);
  auto some = cast->Read(5, 13);
  EXPECT_TRUE(std::equal(some->begin(), some->end(), all->begin() + 5));
  EXPECT_FALSE(cast->Read(20, 5));
}

}  // namespace
}  // namespace pthview::archive
