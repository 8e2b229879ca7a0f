#include <charconv>
#include <cmath>
#include <cstdlib>

#include "lib/base/bytes.h"
#include "lib/base/element.h"

namespace pthview {
namespace {

// Lays `d.ddde±xx` out as Python does: plain for exponents of -4 to 15, always with a point or an exponent.
void AppendPythonStyle(std::string& out, std::string_view scientific) {
  if (scientific.front() == '-') {
    out += '-';
    scientific.remove_prefix(1);
  }
  size_t e = scientific.find('e');
  int exponent = std::atoi(std::string(scientific.substr(e + 1)).c_str());
  std::string digits(1, scientific[0]);
  if (e > 2) digits += scientific.substr(2, e - 2);
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  if (exponent < -4 || exponent > 15) {
    out += digits[0];
    if (digits.size() > 1) out.append(".").append(digits, 1);
    out.append(scientific.substr(e));
  } else if (exponent < 0) {
    out.append("0.").append(static_cast<size_t>(-exponent - 1), '0').append(digits);
  } else {
    size_t whole = static_cast<size_t>(exponent) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    out.append(digits, 0, whole).append(".");
    out.append(digits.size() > whole ? digits.substr(whole) : "0");
  }
}

// True when `value` has no finite digits and its word was written.
bool AppendSpecial(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "nan";
  } else if (std::isinf(value)) {
    out += value < 0 ? "-inf" : "inf";
  } else {
    return false;
  }
  return true;
}

template <typename T>
void AppendShortest(std::string& out, T value) {
  if (AppendSpecial(out, value)) return;
  char text[40];
  char* end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific).ptr;
  AppendPythonStyle(out, {text, static_cast<size_t>(end - text)});
}

float WidenSmall(DType dtype, unsigned bits) {
  switch (dtype) {
    case DType::kFloat16: return HalfToFloat(static_cast<uint16_t>(bits));
    case DType::kBFloat16: return BFloat16ToFloat(static_cast<uint16_t>(bits));
    default: return Float8ToFloat(dtype, static_cast<uint8_t>(bits));
  }
}

// The shortest decimal that is nearer to this value than to either neighbour of the same type. `magnitude_mask` has
// every bit of the type but its sign.
void AppendSmallFloat(std::string& out, DType dtype, unsigned bits, unsigned magnitude_mask) {
  double value = WidenSmall(dtype, bits);
  if (AppendSpecial(out, value)) return;
  if (std::signbit(value)) out += '-';
  unsigned magnitude = bits & magnitude_mask;
  double target = std::abs(value);
  double below = magnitude == 0 ? 0.0 : WidenSmall(dtype, magnitude - 1);
  double above = magnitude == magnitude_mask ? HUGE_VAL : WidenSmall(dtype, magnitude + 1);
  if (!std::isfinite(above)) above = target + (target - below);  // the largest: what is past it rounds back to it
  for (int precision = 0; precision < 17; ++precision) {
    char text[40];
    char* end = std::to_chars(text, text + sizeof(text), target, std::chars_format::scientific, precision).ptr;
    double back = 0;
    std::from_chars(text, end, back);
    if (back == target || (back > (below + target) / 2 && back < (target + above) / 2)) {
      AppendPythonStyle(out, {text, static_cast<size_t>(end - text)});
      return;
    }
  }
  AppendShortest(out, target);
}

template <typename T>
void AppendInteger(std::string& out, const std::byte* at) {
  out += std::to_string(LoadLittle<T>(at));
}

void AppendBits(std::string& out, uint64_t value, int digits) {
  out += "0x";
  for (int i = digits - 1; i >= 0; --i) out += "0123456789abcdef"[(value >> (4 * i)) & 15];
}

// `(1+2j)` from the real and imaginary parts, which are `half` bytes each.
void AppendComplex(std::string& out, DType part, const std::byte* at, size_t half) {
  std::string real;
  std::string imaginary;
  AppendElement(real, part, at);
  AppendElement(imaginary, part, at + half);
  for (std::string* text : {&real, &imaginary}) {
    if (text->ends_with(".0")) text->resize(text->size() - 2);
  }
  if (imaginary.front() != '-') imaginary.insert(0, 1, '+');
  out.append("(").append(real).append(imaginary).append("j)");
}

}  // namespace

void AppendElement(std::string& out, DType dtype, const std::byte* at, size_t index_in_byte) {
  auto byte = [&] { return static_cast<unsigned>(*at); };
  switch (dtype) {
    case DType::kUnknown:
    case DType::kCount: out += '?'; return;
    case DType::kBool: out += byte() != 0 ? "True" : "False"; return;
    case DType::kUint8:
    case DType::kQUInt8: return AppendInteger<uint8_t>(out, at);
    case DType::kInt8:
    case DType::kQInt8: return AppendInteger<int8_t>(out, at);
    case DType::kInt16: return AppendInteger<int16_t>(out, at);
    case DType::kInt32:
    case DType::kQInt32: return AppendInteger<int32_t>(out, at);
    case DType::kInt64: return AppendInteger<int64_t>(out, at);
    case DType::kUint16: return AppendInteger<uint16_t>(out, at);
    case DType::kUint32: return AppendInteger<uint32_t>(out, at);
    case DType::kUint64: return AppendInteger<uint64_t>(out, at);
    case DType::kFloat16:
    case DType::kBFloat16: return AppendSmallFloat(out, dtype, LoadLittle<uint16_t>(at), 0x7FFF);
    case DType::kFloat32: return AppendShortest(out, LoadLittle<float>(at));
    case DType::kFloat64: return AppendShortest(out, LoadLittle<double>(at));
    case DType::kComplex32: return AppendComplex(out, DType::kFloat16, at, 2);
    case DType::kBComplex32: return AppendComplex(out, DType::kBFloat16, at, 2);
    case DType::kComplex64: return AppendComplex(out, DType::kFloat32, at, 4);
    case DType::kComplex128: return AppendComplex(out, DType::kFloat64, at, 8);
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E5M2:
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2FNUZ: return AppendSmallFloat(out, dtype, byte(), 0x7F);
    case DType::kFloat8E8M0FNU: return AppendSmallFloat(out, dtype, byte(), 0xFF);
    case DType::kFloat4E2M1FNx2:
      out += '(';
      AppendShortest(out, Float4ToFloat(byte() & 15));
      out += ", ";
      AppendShortest(out, Float4ToFloat(static_cast<uint8_t>(byte() >> 4)));
      out += ')';
      return;
    case DType::kQUInt4x2: out += std::to_string((byte() >> (4 * index_in_byte)) & 15); return;
    case DType::kQUInt2x4: out += std::to_string((byte() >> (2 * index_in_byte)) & 3); return;
    case DType::kBits16: return AppendBits(out, LoadLittle<uint16_t>(at), 4);
    default: return AppendBits(out, byte(), 2);
  }
}

}  // namespace pthview
