#include "lib/base/element.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pthview {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool Same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

// The formula of the format tables, by ldexp on integers: independent of how the library builds its tables.
double Ieee(unsigned bits, int exponent_bits, int mantissa_bits, int bias) {
  int sign = (bits >> (exponent_bits + mantissa_bits)) != 0 ? -1 : 1;
  int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  int mantissa = static_cast<int>(bits) & ((1 << mantissa_bits) - 1);
  if (exponent == 0) return std::copysign(std::ldexp(mantissa, 1 - bias - mantissa_bits), sign);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

TEST(Element, EveryFloat8) {
  for (unsigned i = 0; i < 256; ++i) {
    uint8_t bits = static_cast<uint8_t>(i);
    double e4m3 = (i & 0x7F) == 0x7F ? kNan : Ieee(i, 4, 3, 7);
    EXPECT_TRUE(Same(Float8ToFloat(DType::kFloat8E4M3FN, bits), e4m3)) << i;
    double e5m2 = (i & 0x7F) > 0x7C    ? kNan
                  : (i & 0x7F) == 0x7C ? std::copysign(HUGE_VAL, i < 128 ? 1 : -1)
                                       : Ieee(i, 5, 2, 15);
    EXPECT_TRUE(Same(Float8ToFloat(DType::kFloat8E5M2, bits), e5m2)) << i;
    EXPECT_TRUE(Same(Float8ToFloat(DType::kFloat8E4M3FNUZ, bits), i == 0x80 ? kNan : Ieee(i, 4, 3, 8))) << i;
    EXPECT_TRUE(Same(Float8ToFloat(DType::kFloat8E5M2FNUZ, bits), i == 0x80 ? kNan : Ieee(i, 5, 2, 16))) << i;
    double e8m0 = i == 255 ? kNan : std::ldexp(1.0, static_cast<int>(i) - 127);
    EXPECT_TRUE(Same(Float8ToFloat(DType::kFloat8E8M0FNU, bits), e8m0)) << i;
  }
  // The largest values as the specifications print them.
  EXPECT_EQ(Float8ToFloat(DType::kFloat8E4M3FN, 0x7E), 448);
  EXPECT_EQ(Float8ToFloat(DType::kFloat8E5M2, 0x7B), 57344);
  EXPECT_EQ(Float8ToFloat(DType::kFloat8E4M3FNUZ, 0x7F), 240);
  EXPECT_EQ(Float8ToFloat(DType::kFloat8E5M2FNUZ, 0x7F), 57344);
}

TEST(Element, EveryFloat4) {
  const float kValues[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (uint8_t i = 0; i < 16; ++i) {
    EXPECT_TRUE(Same(Float4ToFloat(i), i < 8 ? kValues[i] : -kValues[i - 8])) << int{i};
  }
}

TEST(Element, EveryHalfAndBFloat16) {
  for (unsigned i = 0; i < 65536; ++i) {
    uint16_t bits = static_cast<uint16_t>(i);
    unsigned magnitude = i & 0x7FFF;
    double half = magnitude > 0x7C00    ? kNan
                  : magnitude == 0x7C00 ? std::copysign(HUGE_VAL, i < 0x8000 ? 1 : -1)
                                        : Ieee(i, 5, 10, 15);
    ASSERT_TRUE(Same(HalfToFloat(bits), half)) << i;
    double brain = magnitude > 0x7F80    ? kNan
                   : magnitude == 0x7F80 ? std::copysign(HUGE_VAL, i < 0x8000 ? 1 : -1)
                                         : Ieee(i, 8, 7, 127);
    ASSERT_TRUE(Same(BFloat16ToFloat(bits), brain)) << i;
  }
}

template <typename T>
std::vector<std::byte> Bytes(std::initializer_list<T> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

std::vector<double> Decode(DType dtype, const std::vector<std::byte>& bytes, size_t count, size_t first = 0) {
  std::vector<double> out(count, -99);
  DecodeToDouble(dtype, bytes.data(), count, out.data(), first);
  return out;
}

using Doubles = std::vector<double>;

TEST(Element, DecodesEveryClass) {
  EXPECT_EQ(Decode(DType::kBool, Bytes<uint8_t>({0, 1, 7}), 3), (Doubles{0, 1, 1}));
  EXPECT_EQ(Decode(DType::kUint8, Bytes<uint8_t>({0, 255}), 2), (Doubles{0, 255}));
  EXPECT_EQ(Decode(DType::kInt8, Bytes<int8_t>({-128, 127}), 2), (Doubles{-128, 127}));
  EXPECT_EQ(Decode(DType::kInt16, Bytes<int16_t>({-32768, 5}), 2), (Doubles{-32768, 5}));
  EXPECT_EQ(Decode(DType::kInt32, Bytes<int32_t>({INT32_MIN, 5}), 2), (Doubles{INT32_MIN, 5}));
  EXPECT_EQ(Decode(DType::kInt64, Bytes<int64_t>({-1, 1LL << 53}), 2), (Doubles{-1, 9007199254740992.0}));
  EXPECT_EQ(Decode(DType::kUint16, Bytes<uint16_t>({65535}), 1), (Doubles{65535}));
  EXPECT_EQ(Decode(DType::kUint32, Bytes<uint32_t>({UINT32_MAX}), 1), (Doubles{UINT32_MAX}));
  EXPECT_EQ(Decode(DType::kUint64, Bytes<uint64_t>({1ULL << 63}), 1), (Doubles{9223372036854775808.0}));
  EXPECT_EQ(Decode(DType::kFloat16, Bytes<uint16_t>({0x3C00, 0x0001}), 2), (Doubles{1, std::ldexp(1, -24)}));
  EXPECT_EQ(Decode(DType::kBFloat16, Bytes<uint16_t>({0x3F80, 0xC000}), 2), (Doubles{1, -2}));
  EXPECT_EQ(Decode(DType::kFloat32, Bytes<float>({0.5, -3}), 2), (Doubles{0.5, -3}));
  EXPECT_EQ(Decode(DType::kFloat64, Bytes<double>({1e300}), 1), (Doubles{1e300}));
  EXPECT_EQ(Decode(DType::kComplex32, Bytes<uint16_t>({0x4200, 0x4400}), 1), (Doubles{5}));
  EXPECT_EQ(Decode(DType::kBComplex32, Bytes<uint16_t>({0x4040, 0x4080}), 1), (Doubles{5}));
  EXPECT_EQ(Decode(DType::kComplex64, Bytes<float>({3, -4}), 1), (Doubles{5}));
  EXPECT_EQ(Decode(DType::kComplex128, Bytes<double>({6, 8}), 1), (Doubles{10}));
  EXPECT_EQ(Decode(DType::kFloat8E5M2, Bytes<uint8_t>({0x3C}), 1), (Doubles{1}));
  EXPECT_EQ(Decode(DType::kQInt8, Bytes<int8_t>({-3}), 1), (Doubles{-3}));
  EXPECT_EQ(Decode(DType::kQUInt8, Bytes<uint8_t>({253}), 1), (Doubles{253}));
  EXPECT_EQ(Decode(DType::kQInt32, Bytes<int32_t>({-3}), 1), (Doubles{-3}));
  EXPECT_EQ(Decode(DType::kBits16, Bytes<uint16_t>({65535}), 1), (Doubles{65535}));
  EXPECT_TRUE(std::isnan(Decode(DType::kUnknown, {}, 1)[0]));
}

TEST(Element, DecodesPackedTypesFromAnyElement) {
  auto bytes = Bytes<uint8_t>({0x21, 0xE4});
  EXPECT_EQ(Decode(DType::kQUInt4x2, bytes, 4), (Doubles{1, 2, 4, 14}));
  EXPECT_EQ(Decode(DType::kQUInt4x2, bytes, 2, 1), (Doubles{2, 4}));
  EXPECT_EQ(Decode(DType::kQUInt2x4, bytes, 8), (Doubles{1, 0, 2, 0, 0, 1, 2, 3}));
  EXPECT_EQ(Decode(DType::kQUInt2x4, bytes, 3, 3), (Doubles{0, 0, 1}));
  EXPECT_EQ(Decode(DType::kFloat4E2M1FNx2, bytes, 4), (Doubles{0.5, 1, 2, -4}));
}

template <typename T>
std::string Text(DType dtype, std::initializer_list<T> values, size_t index = 0) {
  std::string out;
  AppendElement(out, dtype, Bytes<T>(values).data(), index);
  return out;
}

TEST(Element, PrintsLikePython) {
  EXPECT_EQ(Text<double>(DType::kFloat64, {1}), "1.0");
  EXPECT_EQ(Text<double>(DType::kFloat64, {-0.0}), "-0.0");
  EXPECT_EQ(Text<double>(DType::kFloat64, {0.1}), "0.1");
  EXPECT_EQ(Text<double>(DType::kFloat64, {100000}), "100000.0");
  EXPECT_EQ(Text<double>(DType::kFloat64, {1e15}), "1000000000000000.0");
  EXPECT_EQ(Text<double>(DType::kFloat64, {1e16}), "1e+16");
  EXPECT_EQ(Text<double>(DType::kFloat64, {1.5e-7}), "1.5e-07");
  EXPECT_EQ(Text<double>(DType::kFloat64, {0.0001}), "0.0001");
  EXPECT_EQ(Text<double>(DType::kFloat64, {0.00001}), "1e-05");
  EXPECT_EQ(Text<double>(DType::kFloat64, {123.456}), "123.456");
  EXPECT_EQ(Text<double>(DType::kFloat64, {5e-324}), "5e-324");
  EXPECT_EQ(Text<float>(DType::kFloat32, {0.1F}), "0.1");
  EXPECT_EQ(Text<float>(DType::kFloat32, {-0.5F}), "-0.5");
  EXPECT_EQ(Text<float>(DType::kFloat32, {std::nanf("")}), "nan");
  EXPECT_EQ(Text<float>(DType::kFloat32, {HUGE_VALF}), "inf");
  EXPECT_EQ(Text<float>(DType::kFloat32, {-HUGE_VALF}), "-inf");
  EXPECT_EQ(Text<uint16_t>(DType::kFloat16, {0x2E66}), "0.1");
  EXPECT_EQ(Text<uint16_t>(DType::kFloat16, {0x8000}), "-0.0");
  EXPECT_EQ(Text<uint16_t>(DType::kBFloat16, {0x3DCD}), "0.1");
  EXPECT_EQ(Text<uint8_t>(DType::kFloat8E4M3FN, {0x38}), "1.0");
  EXPECT_EQ(Text<uint8_t>(DType::kFloat8E5M2, {0xFC}), "-inf");
  EXPECT_EQ(Text<uint8_t>(DType::kFloat8E8M0FNU, {127}), "1.0");
  EXPECT_EQ(Text<uint8_t>(DType::kFloat4E2M1FNx2, {0xF1}), "(0.5, -6.0)");
  EXPECT_EQ(Text<int8_t>(DType::kInt8, {-5}), "-5");
  EXPECT_EQ(Text<uint8_t>(DType::kUint8, {200}), "200");
  EXPECT_EQ(Text<int64_t>(DType::kInt64, {INT64_MIN}), "-9223372036854775808");
  EXPECT_EQ(Text<uint64_t>(DType::kUint64, {UINT64_MAX}), "18446744073709551615");
  EXPECT_EQ(Text<uint8_t>(DType::kBool, {1}), "True");
  EXPECT_EQ(Text<uint8_t>(DType::kBool, {0}), "False");
  EXPECT_EQ(Text<float>(DType::kComplex64, {1, 2}), "(1+2j)");
  EXPECT_EQ(Text<double>(DType::kComplex128, {0.5, -0.0}), "(0.5-0j)");
  EXPECT_EQ(Text<uint16_t>(DType::kComplex32, {0x3C00, 0xBC00}), "(1-1j)");
  EXPECT_EQ(Text<uint16_t>(DType::kBComplex32, {0x3F80, 0xBFC0}), "(1-1.5j)");
  EXPECT_EQ(Text<float>(DType::kComplex64, {std::nanf(""), HUGE_VALF}), "(nan+infj)");
  EXPECT_EQ(Text<uint8_t>(DType::kQUInt4x2, {0x5A}, 0), "10");
  EXPECT_EQ(Text<uint8_t>(DType::kQUInt4x2, {0x5A}, 1), "5");
  EXPECT_EQ(Text<uint8_t>(DType::kQUInt2x4, {0xC0}, 3), "3");
  EXPECT_EQ(Text<uint8_t>(DType::kBits8, {0x1F}), "0x1f");
  EXPECT_EQ(Text<uint16_t>(DType::kBits16, {0x1F}), "0x001f");
}

// Reads `text` as the nearest value of a small float type: by trying all of them.
template <typename Decode>
unsigned Nearest(const std::string& text, unsigned count, Decode decode) {
  double wanted = std::strtod(text.c_str(), nullptr);
  unsigned best = 0;
  double distance = HUGE_VAL;
  for (unsigned i = 0; i < count; ++i) {
    double value = decode(i);
    if (!std::isfinite(value) || std::signbit(value) != std::signbit(wanted)) continue;
    if (double d = std::abs(value - wanted); d < distance) {
      distance = d;
      best = i;
    }
  }
  return best;
}

TEST(Element, SmallFloatsReadBackToTheSameBits) {
  for (DType dtype : {DType::kFloat8E4M3FN, DType::kFloat8E5M2, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2FNUZ,
                      DType::kFloat8E8M0FNU}) {
    auto decode = [&](unsigned i) { return Float8ToFloat(dtype, static_cast<uint8_t>(i)); };
    for (unsigned i = 0; i < 256; ++i) {
      if (!std::isfinite(decode(i))) continue;
      std::string text = Text<uint8_t>(dtype, {static_cast<uint8_t>(i)});
      EXPECT_EQ(Nearest(text, 256, decode), i) << DTypeName(dtype) << ' ' << text;
    }
  }
  for (unsigned i = 0; i < 65536; i += 251) {
    auto half = [](unsigned bits) { return HalfToFloat(static_cast<uint16_t>(bits)); };
    auto brain = [](unsigned bits) { return BFloat16ToFloat(static_cast<uint16_t>(bits)); };
    if (std::isfinite(half(i))) {
      EXPECT_EQ(Nearest(Text<uint16_t>(DType::kFloat16, {static_cast<uint16_t>(i)}), 65536, half), i);
    }
    if (std::isfinite(brain(i))) {
      EXPECT_EQ(Nearest(Text<uint16_t>(DType::kBFloat16, {static_cast<uint16_t>(i)}), 65536, brain), i);
    }
  }
}

TEST(Element, WideFloatsReadBackToTheSameBits) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    double wide = std::bit_cast<double>(random());
    float narrow = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isfinite(wide)) {
      EXPECT_EQ(std::strtod(Text<double>(DType::kFloat64, {wide}).c_str(), nullptr), wide);
    }
    if (std::isfinite(narrow)) {
      EXPECT_EQ(std::strtof(Text<float>(DType::kFloat32, {narrow}).c_str(), nullptr), narrow);
    }
  }
}

}  // namespace
}  // namespace pthview
