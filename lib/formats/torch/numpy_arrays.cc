#include "lib/formats/torch/numpy_arrays.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/checked.h"
#include "lib/base/element.h"
#include "lib/base/escape.h"
#include "lib/base/utf8.h"
#include "lib/formats/common/numpy_dtype.h"
#include "lib/formats/common/pickled_ints.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Tree;
using pickle::Value;
using enum GlobalKind;

namespace {

using Args = std::span<const Value>;

GlobalKind KindOf(const std::vector<GlobalMeaning>& meanings, Value callable) {
  return callable.Is(Kind::kGlobal) ? meanings[callable.index].kind : kUnknown;
}

// dtype('f4', False, True) + BUILD (3, '<', None, None, None, -1, -1, 0)
NumpyCode DTypeOf(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value value) {
  NumpyCode result;
  if (!value.Is(Kind::kObject)) return result;
  const Object& object = tree.ObjectOf(value);
  if (KindOf(meanings, object.callable) != kNumpyDType) return result;
  Args args = tree.Sequence(object.args);
  if (args.empty() || !args[0].IsText()) return result;
  result = ParseNumpyCode(args[0].Text());
  Args state = tree.StateItemsOf(object);
  if (state.size() > 1 && state[1].IsText() && state[1].Text() == ">") result.big_endian = true;
  return result;
}

// "U5" of dtype('U5'); empty when it has none.
std::string_view CodeOf(const Tree& tree, Value dtype) {
  if (!dtype.Is(Kind::kObject)) return {};
  Args args = tree.Sequence(tree.ObjectOf(dtype).args);
  return args.empty() || !args[0].IsText() ? std::string_view() : args[0].Text();
}

// numpy.str_ ('U', UTF-32) and numpy.bytes_ ('S'), padded with zeros. Empty for other codes.
std::string StringScalar(std::string_view code, bool big_endian, std::span<const std::byte> bytes) {
  while (!code.empty() && std::string_view("<>|=").find(code[0]) != std::string_view::npos) code.remove_prefix(1);
  std::string text;
  if (code.starts_with('S')) {
    text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else if (code.starts_with('U') && bytes.size() % 4 == 0) {
    for (size_t i = 0; i < bytes.size(); i += 4) {
      uint32_t point = 0;
      for (size_t k = 0; k < 4; ++k) {
        point |= static_cast<uint32_t>(bytes[i + (big_endian ? 3 - k : k)]) << (8 * k);
      }
      if (point > 0x10FFFF) return {};
      AppendUtf8(text, point);
    }
  }
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return EscapeName(text);
}

// (numpy's _reconstruct, its arguments, the state that __setstate__ gets, attributes of a subclass)
Args DillState(const Tree& tree, const Object& object) {
  Args args = tree.Sequence(object.args);
  return args.size() < 3 ? Args{} : tree.Sequence(args[2]);
}

void SwapBytes(std::vector<std::byte>& bytes, DType dtype) {
  size_t width = Info(dtype).item_size;
  if (Info(dtype).kind == DTypeClass::kComplex) width /= 2;
  for (size_t i = 0; width > 1 && i + width <= bytes.size(); i += width) {
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(i), bytes.begin() + static_cast<ptrdiff_t>(i + width));
  }
}

// Bytes that BytesOf would copy, at most.
uint64_t TextSize(const Tree& tree, Value data) {
  if (data.IsText()) return data.length;
  if (!data.Is(Kind::kObject)) return 0;
  Args args = tree.Sequence(tree.ObjectOf(data).args);
  return !args.empty() && args[0].IsText() ? args[0].length : 0;
}

// Text whose code points are bytes (U+0000 .. U+00FF in UTF-8) back to those bytes.
std::optional<std::vector<std::byte>> FromLatin1(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<uint8_t>(text[i]);
    if (c >= 0x80) {
      if ((c != 0xC2 && c != 0xC3) || i + 1 == text.size()) return std::nullopt;
      c = static_cast<uint8_t>((c << 6) | (static_cast<uint8_t>(text[++i]) & 0x3F));
    }
    bytes.push_back(std::byte{c});
  }
  return bytes;
}

}  // namespace

std::optional<std::vector<std::byte>> BytesOf(const Tree& tree, const std::vector<GlobalMeaning>& meanings,
                                              Value value) {
  auto copy = [](std::string_view text) {
    const auto* at = reinterpret_cast<const std::byte*>(text.data());
    return std::vector<std::byte>(at, at + text.size());
  };
  if (value.Is(Kind::kBytes) || value.Is(Kind::kByteArray)) return copy(value.Text());
  if (value.Is(Kind::kString)) return FromLatin1(value.Text());
  if (!value.Is(Kind::kObject)) return std::nullopt;
  const Object& object = tree.ObjectOf(value);
  Args args = tree.Sequence(object.args);
  if (KindOf(meanings, object.callable) == kCodecsEncode && !args.empty() && args[0].IsText()) {
    return args[0].Is(Kind::kString) ? FromLatin1(args[0].Text()) : std::optional(copy(args[0].Text()));
  }
  // Protocols without an opcode for it: bytes(), bytearray(), bytearray(b'...'), bytearray('...', 'latin-1').
  if (KindOf(meanings, object.callable) == kByteArray) {
    if (args.empty()) return std::vector<std::byte>();
    if (args.size() == 1 && args[0].Is(Kind::kBytes)) return copy(args[0].Text());
    if (args.size() == 2 && args[0].Is(Kind::kString)) return FromLatin1(args[0].Text());
    if (args.size() == 1 && args[0].Is(Kind::kObject) &&
        KindOf(meanings, tree.ObjectOf(args[0]).callable) == kCodecsEncode) {
      return BytesOf(tree, meanings, args[0]);  // bytearray(_codecs.encode(...))
    }
  }
  return std::nullopt;
}

bool IsNumpyArray(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value value) {
  const Object& object = tree.ObjectOf(value);
  Value type;
  switch (KindOf(meanings, object.callable)) {
    case kNumpyReconstruct: {
      // state: (version, shape, dtype, is_fortran, bytes)
      Args state = tree.StateItemsOf(object);
      if (state.size() != 5) return false;
      type = state[2];
      break;
    }
    case kDillArray: {
      Args state = DillState(tree, object);
      if (state.size() != 5) return false;
      type = state[2];
      break;
    }
    case kNumpyFromBuffer: {
      // (buffer, dtype, shape, order)
      Args args = tree.Sequence(object.args);
      if (args.size() < 3) return false;
      type = args[1];
      break;
    }
    default: return false;
  }
  return DTypeOf(tree, meanings, type).dtype != DType::kUnknown;
}

std::optional<std::span<const Value>> ObjectArrayItems(const Tree& tree, const std::vector<GlobalMeaning>& meanings,
                                                       const Object& object) {
  const GlobalKind kind = KindOf(meanings, object.callable);
  if (kind != kNumpyReconstruct && kind != kDillArray) return std::nullopt;
  Args state = kind == kDillArray ? DillState(tree, object) : tree.StateItemsOf(object);
  if (state.size() != 5 || !state[4].Is(Kind::kList) || tree.List(state[4]).empty()) return std::nullopt;
  return tree.List(state[4]);
}

std::optional<Tensor> ReadNumpyArray(const Tree& tree, const std::vector<GlobalMeaning>& meanings,
                                     ModelBuilder& builder, const Object& object, std::string_view where) {
  Value shape_value;
  Value type;
  Value data;
  bool fortran = false;
  const GlobalKind kind = KindOf(meanings, object.callable);
  if (kind == kNumpyReconstruct || kind == kDillArray) {
    Args state = kind == kDillArray ? DillState(tree, object) : tree.StateItemsOf(object);
    if (state.size() != 5) return std::nullopt;
    shape_value = state[1];
    type = state[2];
    fortran = state[3].Is(Kind::kBool) ? state[3].boolean : state[3].Is(Kind::kInt) && state[3].integer != 0;
    data = state[4];
  } else {
    Args args = tree.Sequence(object.args);
    if (args.size() < 3) return std::nullopt;
    data = args[0];
    type = args[1];
    shape_value = args[2];
    fortran = args.size() > 3 && args[3].IsText() && args[3].Text() == "F";
  }
  NumpyCode dtype = DTypeOf(tree, meanings, type);
  std::vector<int64_t> shape;
  if (dtype.dtype == DType::kUnknown || !AppendSizes(tree, shape_value, &shape)) return std::nullopt;
  if (!builder.TakeInline(TextSize(tree, data), where)) return std::nullopt;
  auto bytes = BytesOf(tree, meanings, data);
  if (!bytes) return std::nullopt;
  if (dtype.big_endian) SwapBytes(*bytes, dtype.dtype);
  std::vector<int64_t> strides;
  if (fortran) {
    int64_t step = 1;
    for (int64_t size : shape) {
      strides.push_back(step);
      step = CheckedMul(step, std::max<int64_t>(size, 1)).value_or(INT64_MAX);
    }
  }
  Index storage = builder.AddMemoryStorage("numpy", std::move(*bytes), dtype.dtype, "cpu");
  return builder.Check({.shape = shape,
                        .strides = strides,
                        .storage = storage,
                        .dtype = dtype.dtype,
                        .device = "cpu",
                        .class_name = "numpy.ndarray"},
                       where);
}

constexpr uint64_t kMostScalarBytes = 1024;  // of a scalar, each time that it is named

static std::string StringScalarText(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value value) {
  if (!value.Is(Kind::kObject)) return {};
  const Object& object = tree.ObjectOf(value);
  Args args = tree.Sequence(object.args);
  if (KindOf(meanings, object.callable) != kNumpyScalar || args.size() != 2) return {};
  if (TextSize(tree, args[1]) > kMostScalarBytes) return {};
  NumpyCode dtype = DTypeOf(tree, meanings, args[0]);
  auto bytes = BytesOf(tree, meanings, args[1]);
  if (dtype.dtype != DType::kUnknown || !bytes) return {};
  return StringScalar(CodeOf(tree, args[0]), dtype.big_endian, *bytes);
}

std::optional<NumpyScalar> NumpyScalarOf(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value value) {
  if (!value.Is(Kind::kObject)) return std::nullopt;
  const Object& object = tree.ObjectOf(value);
  if (KindOf(meanings, object.callable) != kNumpyScalar) return std::nullopt;
  Args args = tree.Sequence(object.args);
  if (args.size() != 2 || TextSize(tree, args[1]) > kMostScalarBytes) return std::nullopt;
  NumpyCode dtype = DTypeOf(tree, meanings, args[0]);
  auto bytes = BytesOf(tree, meanings, args[1]);
  if (dtype.dtype == DType::kUnknown || !bytes || bytes->size() != Info(dtype.dtype).item_size) return std::nullopt;
  if (dtype.big_endian) SwapBytes(*bytes, dtype.dtype);
  return NumpyScalar{dtype.dtype, std::move(*bytes)};
}

std::string NumpyScalarText(const Tree& tree, const std::vector<GlobalMeaning>& meanings, Value value) {
  auto scalar = NumpyScalarOf(tree, meanings, value);
  if (!scalar) return StringScalarText(tree, meanings, value);
  std::string text;
  AppendElement(text, scalar->dtype, scalar->bytes.data());
  return text;
}

}  // namespace pthview
