#include "lib/base/element.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "lib/base/bytes.h"

namespace pthview {
namespace {

// How a small float lies in its bits: sign (unless `exponent` + `mantissa` take all of them), exponent, mantissa.
struct SmallFloat {
  int exponent;
  int mantissa;
  int bias;
  enum class Special { kIeee, kOnlyNanAllOnes, kNegativeZeroIsNan, kNone } special;
};

// OCP 8-bit Floating Point (e4m3fn, e5m2) and Microscaling Formats (e2m1); the FNUZ variants have a bias larger by one
// than IEEE's rule gives, no infinities, and NaN where -0 would be.
constexpr SmallFloat kE4M3FN = {4, 3, 7, SmallFloat::Special::kOnlyNanAllOnes};
constexpr SmallFloat kE5M2 = {5, 2, 15, SmallFloat::Special::kIeee};
constexpr SmallFloat kE4M3FNUZ = {4, 3, 8, SmallFloat::Special::kNegativeZeroIsNan};
constexpr SmallFloat kE5M2FNUZ = {5, 2, 16, SmallFloat::Special::kNegativeZeroIsNan};
constexpr SmallFloat kE2M1 = {2, 1, 1, SmallFloat::Special::kNone};

constexpr float PowerOfTwo(int exponent) {
  float value = 1;
  for (; exponent > 0; --exponent) value *= 2;
  for (; exponent < 0; ++exponent) value /= 2;
  return value;
}

constexpr float DecodeSmallFloat(const SmallFloat& f, unsigned bits) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  unsigned mantissa_mask = (1U << f.mantissa) - 1;
  unsigned exponent_mask = (1U << f.exponent) - 1;
  unsigned mantissa = bits & mantissa_mask;
  unsigned exponent = (bits >> f.mantissa) & exponent_mask;
  bool negative = (bits >> (f.mantissa + f.exponent)) & 1;
  switch (f.special) {
    case SmallFloat::Special::kIeee:
      if (exponent == exponent_mask) {
        if (mantissa != 0) return kNan;
        return negative ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
      }
      break;
    case SmallFloat::Special::kOnlyNanAllOnes:
      if (exponent == exponent_mask && mantissa == mantissa_mask) return kNan;
      break;
    case SmallFloat::Special::kNegativeZeroIsNan:
      if (negative && exponent == 0 && mantissa == 0) return kNan;
      break;
    case SmallFloat::Special::kNone: break;
  }
  float fraction = static_cast<float>(mantissa) / static_cast<float>(mantissa_mask + 1);
  float value = exponent == 0 ? fraction * PowerOfTwo(1 - f.bias)
                              : (1 + fraction) * PowerOfTwo(static_cast<int>(exponent) - f.bias);
  return negative ? -value : value;
}

template <typename Decode>
constexpr std::array<float, 256> MakeTable(Decode decode) {
  std::array<float, 256> table{};
  for (unsigned i = 0; i < 256; ++i) table[i] = decode(i);
  return table;
}

constexpr auto kTableE4M3FN = MakeTable([](unsigned i) { return DecodeSmallFloat(kE4M3FN, i); });
constexpr auto kTableE5M2 = MakeTable([](unsigned i) { return DecodeSmallFloat(kE5M2, i); });
constexpr auto kTableE4M3FNUZ = MakeTable([](unsigned i) { return DecodeSmallFloat(kE4M3FNUZ, i); });
constexpr auto kTableE5M2FNUZ = MakeTable([](unsigned i) { return DecodeSmallFloat(kE5M2FNUZ, i); });
constexpr auto kTableE2M1 = MakeTable([](unsigned i) { return DecodeSmallFloat(kE2M1, i & 15); });
// e8m0: a power of two, biased by 127; no sign, no zero; 255 is NaN.
constexpr auto kTableE8M0 = MakeTable([](unsigned i) {
  return i == 255 ? std::numeric_limits<float>::quiet_NaN() : PowerOfTwo(static_cast<int>(i) - 127);
});

const std::array<float, 256>* TableFor(DType dtype) {
  switch (dtype) {
    case DType::kFloat8E4M3FN: return &kTableE4M3FN;
    case DType::kFloat8E5M2: return &kTableE5M2;
    case DType::kFloat8E4M3FNUZ: return &kTableE4M3FNUZ;
    case DType::kFloat8E5M2FNUZ: return &kTableE5M2FNUZ;
    case DType::kFloat8E8M0FNU: return &kTableE8M0;
    case DType::kFloat4E2M1FNx2: return &kTableE2M1;
    default: return nullptr;
  }
}

// Written without comparisons, which GCC would turn into branches, so that loops over it are vectorized.
inline float WidenHalf(uint16_t bits) {
  uint32_t magnitude = static_cast<uint32_t>(bits & 0x7FFF) << 13;
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = magnitude & 0x0F800000;
  uint32_t is_special = (exponent + (1U << 23)) >> 28;  // 1 for an exponent of 31: infinities and NaN
  uint32_t is_subnormal = static_cast<uint32_t>(static_cast<int32_t>(exponent - 1) >> 31);  // all ones for one of 0
  // The bias goes from 15 to 127, and 31 to 255.
  uint32_t normal = magnitude + (112U << 23) + is_special * (112U << 23);
  // Subnormal: let the subtraction of 2^-14 normalize m * 2^-24.
  float subnormal = std::bit_cast<float>(magnitude + (113U << 23)) - std::bit_cast<float>(113U << 23);
  uint32_t value = (std::bit_cast<uint32_t>(subnormal) & is_subnormal) | (normal & ~is_subnormal);
  return std::bit_cast<float>(value | sign);
}

inline float WidenBFloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

template <typename T>
void Widen(const std::byte* bytes, size_t count, double* out) {
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<double>(LoadLittle<T>(bytes + i * sizeof(T)));
}

template <typename T>
void AbsoluteValues(const std::byte* bytes, size_t count, double* out) {
  for (size_t i = 0; i < count; ++i) {
    const std::byte* at = bytes + i * 2 * sizeof(T);
    out[i] = std::hypot(static_cast<double>(LoadLittle<T>(at)), static_cast<double>(LoadLittle<T>(at + sizeof(T))));
  }
}

// Fields of `width` bits, the lowest bits of a byte first.
template <typename Convert>
void Unpack(const std::byte* bytes, size_t count, double* out, size_t first, unsigned width, Convert convert) {
  size_t per_byte = 8 / width;
  for (size_t i = 0; i < count; ++i) {
    size_t at = first + i;
    unsigned byte = static_cast<unsigned>(bytes[at / per_byte]);
    out[i] = convert((byte >> (at % per_byte * width)) & ((1U << width) - 1));
  }
}

}  // namespace

float HalfToFloat(uint16_t bits) { return WidenHalf(bits); }
float BFloat16ToFloat(uint16_t bits) { return WidenBFloat16(bits); }

float Float8ToFloat(DType dtype, uint8_t bits) {
  const std::array<float, 256>* table = TableFor(dtype);
  return table == nullptr ? std::numeric_limits<float>::quiet_NaN() : (*table)[bits];
}

float Float4ToFloat(uint8_t nibble) { return kTableE2M1[nibble & 15]; }

void DecodeToDouble(DType dtype, const std::byte* bytes, size_t count, double* out, size_t first_in_byte) {
  switch (dtype) {
    case DType::kInt8:
    case DType::kQInt8: return Widen<int8_t>(bytes, count, out);
    case DType::kInt16: return Widen<int16_t>(bytes, count, out);
    case DType::kInt32:
    case DType::kQInt32: return Widen<int32_t>(bytes, count, out);
    case DType::kInt64: return Widen<int64_t>(bytes, count, out);
    case DType::kUint16:
    case DType::kBits16: return Widen<uint16_t>(bytes, count, out);
    case DType::kUint32: return Widen<uint32_t>(bytes, count, out);
    case DType::kUint64: return Widen<uint64_t>(bytes, count, out);
    case DType::kFloat32: return Widen<float>(bytes, count, out);
    case DType::kFloat64: return Widen<double>(bytes, count, out);
    case DType::kFloat16:
      for (size_t i = 0; i < count; ++i) out[i] = WidenHalf(LoadLittle<uint16_t>(bytes + 2 * i));
      return;
    case DType::kBFloat16:
      for (size_t i = 0; i < count; ++i) out[i] = WidenBFloat16(LoadLittle<uint16_t>(bytes + 2 * i));
      return;
    case DType::kComplex32:
      for (size_t i = 0; i < count; ++i) {
        out[i] = std::hypot(static_cast<double>(WidenHalf(LoadLittle<uint16_t>(bytes + 4 * i))),
                            static_cast<double>(WidenHalf(LoadLittle<uint16_t>(bytes + 4 * i + 2))));
      }
      return;
    case DType::kBComplex32:
      for (size_t i = 0; i < count; ++i) {
        out[i] = std::hypot(static_cast<double>(WidenBFloat16(LoadLittle<uint16_t>(bytes + 4 * i))),
                            static_cast<double>(WidenBFloat16(LoadLittle<uint16_t>(bytes + 4 * i + 2))));
      }
      return;
    case DType::kComplex64: return AbsoluteValues<float>(bytes, count, out);
    case DType::kComplex128: return AbsoluteValues<double>(bytes, count, out);
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E5M2:
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2FNUZ:
    case DType::kFloat8E8M0FNU: {
      const std::array<float, 256>& table = *TableFor(dtype);
      for (size_t i = 0; i < count; ++i) out[i] = table[static_cast<uint8_t>(bytes[i])];
      return;
    }
    case DType::kFloat4E2M1FNx2:
      return Unpack(bytes, count, out, first_in_byte, 4, [](unsigned bits) { return kTableE2M1[bits]; });
    case DType::kQUInt4x2:
      return Unpack(bytes, count, out, first_in_byte, 4, [](unsigned bits) { return static_cast<double>(bits); });
    case DType::kQUInt2x4:
      return Unpack(bytes, count, out, first_in_byte, 2, [](unsigned bits) { return static_cast<double>(bits); });
    case DType::kUnknown:
    case DType::kCount:
      for (size_t i = 0; i < count; ++i) out[i] = std::numeric_limits<double>::quiet_NaN();
      return;
    case DType::kBool:
      for (size_t i = 0; i < count; ++i) out[i] = bytes[i] == std::byte{0} ? 0.0 : 1.0;
      return;
    default: return Widen<uint8_t>(bytes, count, out);  // uint8, quint8 and the types of raw bits
  }
}

}  // namespace pthview
