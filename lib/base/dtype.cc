#include "lib/base/dtype.h"

#include <array>

namespace pthview {
namespace {

using C = DTypeClass;

// c10: the names and numbers of ScalarType.h; export: torch/_export/serde/schema.py. ONNX codes: TensorProto.DataType
// of onnx.proto. safetensors names: its Dtype enum; F4 counts single elements there while torch counts bytes of two.
constexpr DTypeInfo kDTypeTable[] = {
    {DType::kUnknown, "unknown", 0, 1, C::kNone, "", -1, 0, "", 0, ""},
    {DType::kBool, "bool", 1, 1, C::kBool, "Bool", 11, 12, "BOOL", 9, "|b1"},
    {DType::kUint8, "uint8", 1, 1, C::kInteger, "Byte", 0, 1, "U8", 2, "|u1"},
    {DType::kInt8, "int8", 1, 1, C::kInteger, "Char", 1, 2, "I8", 3, "|i1"},
    {DType::kInt16, "int16", 2, 1, C::kInteger, "Short", 2, 3, "I16", 5, "<i2"},
    {DType::kInt32, "int32", 4, 1, C::kInteger, "Int", 3, 4, "I32", 6, "<i4"},
    {DType::kInt64, "int64", 8, 1, C::kInteger, "Long", 4, 5, "I64", 7, "<i8"},
    {DType::kUint16, "uint16", 2, 1, C::kInteger, "UInt16", 27, 28, "U16", 4, "<u2"},
    {DType::kUint32, "uint32", 4, 1, C::kInteger, "UInt32", 28, 34, "U32", 12, "<u4"},
    {DType::kUint64, "uint64", 8, 1, C::kInteger, "UInt64", 29, 35, "U64", 13, "<u8"},
    {DType::kFloat16, "float16", 2, 1, C::kFloat, "Half", 5, 6, "F16", 10, "<f2"},
    {DType::kBFloat16, "bfloat16", 2, 1, C::kFloat, "BFloat16", 15, 13, "BF16", 16, ""},
    {DType::kFloat32, "float32", 4, 1, C::kFloat, "Float", 6, 7, "F32", 1, "<f4"},
    {DType::kFloat64, "float64", 8, 1, C::kFloat, "Double", 7, 8, "F64", 11, "<f8"},
    {DType::kComplex32, "complex32", 4, 1, C::kComplex, "ComplexHalf", 8, 9, "", 0, ""},
    {DType::kComplex64, "complex64", 8, 1, C::kComplex, "ComplexFloat", 9, 10, "C64", 14, "<c8"},
    {DType::kComplex128, "complex128", 16, 1, C::kComplex, "ComplexDouble", 10, 11, "", 15, "<c16"},
    {DType::kBComplex32, "bcomplex32", 4, 1, C::kComplex, "BComplex32", 46, 0, "", 0, ""},
    {DType::kFloat8E4M3FN, "float8_e4m3fn", 1, 1, C::kFloat, "Float8_e4m3fn", 24, 29, "F8_E4M3", 17, ""},
    {DType::kFloat8E5M2, "float8_e5m2", 1, 1, C::kFloat, "Float8_e5m2", 23, 30, "F8_E5M2", 19, ""},
    {DType::kFloat8E4M3FNUZ, "float8_e4m3fnuz", 1, 1, C::kFloat, "Float8_e4m3fnuz", 26, 31, "F8_E4M3FNUZ", 18, ""},
    {DType::kFloat8E5M2FNUZ, "float8_e5m2fnuz", 1, 1, C::kFloat, "Float8_e5m2fnuz", 25, 32, "F8_E5M2FNUZ", 20, ""},
    {DType::kFloat8E8M0FNU, "float8_e8m0fnu", 1, 1, C::kFloat, "Float8_e8m0fnu", 44, 33, "F8_E8M0", 24, ""},
    {DType::kFloat4E2M1FNx2, "float4_e2m1fn_x2", 1, 1, C::kFloat, "Float4_e2m1fn_x2", 45, 0, "F4", 23, ""},
    {DType::kQInt8, "qint8", 1, 1, C::kQuantized, "QInt8", 12, 0, "", 3, "|i1"},
    {DType::kQUInt8, "quint8", 1, 1, C::kQuantized, "QUInt8", 13, 0, "", 2, "|u1"},
    {DType::kQInt32, "qint32", 4, 1, C::kQuantized, "QInt32", 14, 0, "", 6, "<i4"},
    {DType::kQUInt4x2, "quint4x2", 1, 2, C::kQuantized, "QUInt4x2", 16, 0, "", 0, ""},
    {DType::kQUInt2x4, "quint2x4", 1, 4, C::kQuantized, "QUInt2x4", 17, 0, "", 0, ""},
    {DType::kBits1x8, "bits1x8", 1, 1, C::kBits, "Bits1x8", 18, 0, "", 0, ""},
    {DType::kBits2x4, "bits2x4", 1, 1, C::kBits, "Bits2x4", 19, 0, "", 0, ""},
    {DType::kBits4x2, "bits4x2", 1, 1, C::kBits, "Bits4x2", 20, 0, "", 0, ""},
    {DType::kBits8, "bits8", 1, 1, C::kBits, "Bits8", 21, 0, "", 0, ""},
    {DType::kBits16, "bits16", 2, 1, C::kBits, "Bits16", 22, 0, "", 0, ""},
    // Types without operators: torch only stores them, one byte an element whatever their name says.
    {DType::kUint1, "uint1", 1, 1, C::kBits, "UInt1", 30, 0, "", 0, ""},
    {DType::kUint2, "uint2", 1, 1, C::kBits, "UInt2", 31, 0, "", 0, ""},
    {DType::kUint3, "uint3", 1, 1, C::kBits, "UInt3", 32, 0, "", 0, ""},
    {DType::kUint4, "uint4", 1, 1, C::kBits, "UInt4", 33, 0, "", 0, ""},
    {DType::kUint5, "uint5", 1, 1, C::kBits, "UInt5", 34, 0, "", 0, ""},
    {DType::kUint6, "uint6", 1, 1, C::kBits, "UInt6", 35, 0, "", 0, ""},
    {DType::kUint7, "uint7", 1, 1, C::kBits, "UInt7", 36, 0, "", 0, ""},
    {DType::kInt1, "int1", 1, 1, C::kBits, "Int1", 37, 0, "", 0, ""},
    {DType::kInt2, "int2", 1, 1, C::kBits, "Int2", 38, 0, "", 0, ""},
    {DType::kInt3, "int3", 1, 1, C::kBits, "Int3", 39, 0, "", 0, ""},
    {DType::kInt4, "int4", 1, 1, C::kBits, "Int4", 40, 0, "", 0, ""},
    {DType::kInt5, "int5", 1, 1, C::kBits, "Int5", 41, 0, "", 0, ""},
    {DType::kInt6, "int6", 1, 1, C::kBits, "Int6", 42, 0, "", 0, ""},
    {DType::kInt7, "int7", 1, 1, C::kBits, "Int7", 43, 0, "", 0, ""},
};

constexpr bool RowsMatchEnum() {
  size_t i = 0;
  for (const DTypeInfo& row : kDTypeTable) {
    if (static_cast<size_t>(row.dtype) != i++) return false;
  }
  return i == static_cast<size_t>(DType::kCount);
}
static_assert(RowsMatchEnum());

struct Alias {
  std::string_view name;
  DType dtype;
};

constexpr Alias kAliases[] = {
    {"float", DType::kFloat32},   {"double", DType::kFloat64},   {"half", DType::kFloat16},
    {"long", DType::kInt64},      {"int", DType::kInt32},        {"short", DType::kInt16},
    {"chalf", DType::kComplex32}, {"cfloat", DType::kComplex64}, {"cdouble", DType::kComplex128},
};

// The first row whose `field` is `name`; quantized types follow the plain ones, so that a shared ONNX code means those.
std::optional<DType> FindRow(std::string_view DTypeInfo::* field, std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (const DTypeInfo& row : kDTypeTable) {
    if (row.dtype != DType::kUnknown && row.*field == name) return row.dtype;
  }
  return std::nullopt;
}

}  // namespace

const DTypeInfo& Info(DType dtype) {
  size_t index = static_cast<size_t>(dtype);
  return kDTypeTable[index < std::size(kDTypeTable) ? index : 0];
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const Alias& alias : kAliases) {
    if (alias.name == name) return alias.dtype;
  }
  return FindRow(&DTypeInfo::name, name);
}

std::optional<DType> DTypeFromStorageClass(std::string_view name) {
  if (name == "UntypedStorage" || name == "_UntypedStorage") return DType::kUint8;
  constexpr std::string_view kEnd = "Storage";
  if (!name.ends_with(kEnd)) return std::nullopt;
  return FindRow(&DTypeInfo::c10, name.substr(0, name.size() - kEnd.size()));
}

std::optional<DType> DTypeFromNumpy(std::string_view code) {
  for (const DTypeInfo& row : kDTypeTable) {
    if (!row.numpy.empty() && row.numpy.substr(1) == code) return row.dtype;
  }
  return std::nullopt;
}

DType DTypeFromC10(int64_t code) {
  for (const DTypeInfo& row : kDTypeTable) {
    if (row.dtype != DType::kUnknown && row.c10_code == code) return row.dtype;
  }
  return DType::kUnknown;
}

DType DTypeFromExport(int64_t code) {
  for (const DTypeInfo& row : kDTypeTable) {
    if (code != 0 && row.export_code == code) return row.dtype;
  }
  return DType::kUnknown;
}

std::optional<DType> DTypeFromSafetensors(std::string_view name) { return FindRow(&DTypeInfo::safetensors, name); }

std::optional<DType> DTypeFromOnnx(int code) {
  for (const DTypeInfo& row : kDTypeTable) {
    if (row.onnx == code && code != 0) return row.dtype;
  }
  return std::nullopt;
}

std::optional<uint64_t> BytesFor(DType dtype, int64_t numel) {
  if (numel < 0) return std::nullopt;
  const DTypeInfo& info = Info(dtype);
  uint64_t count = static_cast<uint64_t>(numel);
  uint64_t per_byte = info.items_per_byte;
  if (per_byte > 1) return count / per_byte + (count % per_byte != 0);
  uint64_t bytes;
  if (__builtin_mul_overflow(count, uint64_t{info.item_size}, &bytes)) return std::nullopt;
  return bytes;
}

}  // namespace pthview
