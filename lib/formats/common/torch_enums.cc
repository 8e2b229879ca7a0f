#include "lib/formats/common/torch_enums.h"

#include <cstddef>
#include <span>

namespace pthview {
namespace {

using enum DType;

constexpr DType kC10[] = {
    kUint8,        kInt8,           kInt16,          kInt32,   kInt64,         kFloat16,        kFloat32, kFloat64,
    kComplex32,    kComplex64,      kComplex128,     kBool,    kQInt8,         kQUInt8,         kQInt32,  kBFloat16,
    kQUInt4x2,     kQUInt2x4,       kBits1x8,        kBits2x4, kBits4x2,       kBits8,          kBits16,  kFloat8E5M2,
    kFloat8E4M3FN, kFloat8E5M2FNUZ, kFloat8E4M3FNUZ, kUint16,  kUint32,        kUint64,         kUint1,   kUint2,
    kUint3,        kUint4,          kUint5,          kUint6,   kUint7,         kInt1,           kInt2,    kInt3,
    kInt4,         kInt5,           kInt6,           kInt7,    kFloat8E8M0FNU, kFloat4E2M1FNx2,
};

constexpr DType kExport[] = {
    kUnknown,        kUint8,         kInt8,      kInt16,      kInt32,   kInt64,        kFloat16,    kFloat32,
    kFloat64,        kComplex32,     kComplex64, kComplex128, kBool,    kBFloat16,     kUnknown,    kUnknown,
    kUnknown,        kUnknown,       kUnknown,   kUnknown,    kUnknown, kUnknown,      kUnknown,    kUnknown,
    kUnknown,        kUnknown,       kUnknown,   kUnknown,    kUint16,  kFloat8E4M3FN, kFloat8E5M2, kFloat8E4M3FNUZ,
    kFloat8E5M2FNUZ, kFloat8E8M0FNU, kUint32,    kUint64,
};
static_assert(kExport[7] == kFloat32 && kExport[13] == kBFloat16 && kExport[28] == kUint16 && kExport[35] == kUint64);

DType Look(std::span<const DType> table, int64_t code) {
  return code < 0 || static_cast<size_t>(code) >= table.size() ? kUnknown : table[static_cast<size_t>(code)];
}

}  // namespace

DType DTypeFromC10(int64_t code) { return Look(kC10, code); }
DType DTypeFromExport(int64_t code) { return Look(kExport, code); }

}  // namespace pthview
