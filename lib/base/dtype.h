// Element types, as torch names them (without `torch.`), with their sizes and how to decode one element.
// Source: c10/core/ScalarType.h and torch/storage.py. This table is the only one: every reader looks its names and
// numbers up in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pthview {

// Order is that of kDTypeTable in dtype.cc.
enum class DType : uint8_t {
  kUnknown,
  kBool,
  kUint8,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kComplex32,
  kComplex64,
  kComplex128,
  kBComplex32,  // two bfloat16; torch 2.14 and later
  kFloat8E4M3FN,
  kFloat8E5M2,
  kFloat8E4M3FNUZ,
  kFloat8E5M2FNUZ,
  kFloat8E8M0FNU,
  kFloat4E2M1FNx2,  // two elements a byte; torch counts bytes
  kQInt8,
  kQUInt8,
  kQInt32,
  kQUInt4x2,  // two elements a byte, low nibble first; torch counts elements
  kQUInt2x4,  // four elements a byte; torch counts elements
  kBits1x8,
  kBits2x4,
  kBits4x2,
  kBits8,
  kBits16,
  kUint1,
  kUint2,
  kUint3,
  kUint4,
  kUint5,
  kUint6,
  kUint7,
  kInt1,
  kInt2,
  kInt3,
  kInt4,
  kInt5,
  kInt6,
  kInt7,
  kCount,
};

enum class DTypeClass : uint8_t { kNone, kBool, kInteger, kFloat, kComplex, kQuantized, kBits };

struct DTypeInfo {
  DType dtype;
  std::string_view name;   // "float32", as `print(t.dtype)` shows it without "torch."
  uint8_t item_size;       // bytes of one storage item
  uint8_t items_per_byte;  // >1 for types where several elements share a byte; else 1
  DTypeClass kind;
  std::string_view c10;          // "Float": torch's name in C++, of FloatStorage and FloatTensor
  int8_t c10_code;               // its number there; -1 when it has none
  int8_t export_code;            // torch.export's number, 0 when it has none
  std::string_view safetensors;  // "F32"; empty when safetensors cannot hold it
  int8_t onnx;                   // TensorProto.DataType, 0 when ONNX has none
  std::string_view numpy;        // "<f4" for .npy style descriptors; empty when NumPy has none
};

const DTypeInfo& Info(DType dtype);
inline std::string_view DTypeName(DType dtype) { return Info(dtype).name; }

// By torch name ("float32", also aliases "float", "half", "double", "long", "int", "short", "cfloat", ...).
std::optional<DType> DTypeFromName(std::string_view name);
// By storage class ("FloatStorage", "HalfTensor"'s "HalfStorage"); UntypedStorage is uint8. Also those that only
// TorchScript's pickler writes, as "Float8_e5m2Storage".
std::optional<DType> DTypeFromStorageClass(std::string_view name);
// By NumPy's code without a byte order: "f4".
std::optional<DType> DTypeFromNumpy(std::string_view code);
// By the numbers that mobile files (c10::ScalarType) and torch.export's JSON hold; kUnknown for others.
DType DTypeFromC10(int64_t code);
DType DTypeFromExport(int64_t code);
std::optional<DType> DTypeFromSafetensors(std::string_view name);
std::optional<DType> DTypeFromOnnx(int code);

// Numbers that one element holds: 2 for float4_e2m1fn_x2, where torch counts bytes of two, else 1.
constexpr size_t ValuesPerElement(DType dtype) { return dtype == DType::kFloat4E2M1FNx2 ? 2 : 1; }

// Bytes that `numel` elements take, rounded up to whole bytes; nullopt on overflow or a negative count.
std::optional<uint64_t> BytesFor(DType dtype, int64_t numel);

}  // namespace pthview
