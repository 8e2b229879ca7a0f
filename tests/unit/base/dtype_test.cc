#include "lib/base/dtype.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace pthview {
namespace {

TEST(DType, NamesAndAliases) {
  EXPECT_EQ(DTypeFromName("float32"), DType::kFloat32);
  EXPECT_EQ(DTypeFromName("float"), DType::kFloat32);
  EXPECT_EQ(DTypeFromName("half"), DType::kFloat16);
  EXPECT_EQ(DTypeFromName("double"), DType::kFloat64);
  EXPECT_EQ(DTypeFromName("long"), DType::kInt64);
  EXPECT_EQ(DTypeFromName("int"), DType::kInt32);
  EXPECT_EQ(DTypeFromName("short"), DType::kInt16);
  EXPECT_EQ(DTypeFromName("chalf"), DType::kComplex32);
  EXPECT_EQ(DTypeFromName("cfloat"), DType::kComplex64);
  EXPECT_EQ(DTypeFromName("cdouble"), DType::kComplex128);
  EXPECT_EQ(DTypeFromName("unknown"), std::nullopt);
  EXPECT_EQ(DTypeFromName(""), std::nullopt);
  EXPECT_EQ(DTypeFromName("float7"), std::nullopt);
}

TEST(DType, EveryNameLeadsBackToItsRow) {
  std::set<std::string_view> names;
  for (int i = 1; i < static_cast<int>(DType::kCount); ++i) {
    const DTypeInfo& info = Info(static_cast<DType>(i));
    EXPECT_EQ(static_cast<int>(info.dtype), i);
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(DTypeFromName(info.name), info.dtype);
    EXPECT_GT(info.item_size, 0) << info.name;
    if (!info.c10.empty()) {
      EXPECT_EQ(DTypeFromStorageClass(std::string(info.c10) + "Storage"), info.dtype);
    }
    if (!info.safetensors.empty()) {
      EXPECT_EQ(DTypeFromSafetensors(info.safetensors), info.dtype);
    }
    if (info.onnx != 0 && info.kind != DTypeClass::kQuantized) {
      EXPECT_EQ(DTypeFromOnnx(info.onnx), info.dtype);
    }
  }
}

TEST(DType, StorageClasses) {
  EXPECT_EQ(DTypeFromStorageClass("ByteStorage"), DType::kUint8);
  EXPECT_EQ(DTypeFromStorageClass("CharStorage"), DType::kInt8);
  EXPECT_EQ(DTypeFromStorageClass("BFloat16Storage"), DType::kBFloat16);
  EXPECT_EQ(DTypeFromStorageClass("ComplexDoubleStorage"), DType::kComplex128);
  EXPECT_EQ(DTypeFromStorageClass("QUInt2x4Storage"), DType::kQUInt2x4);
  EXPECT_EQ(DTypeFromStorageClass("UntypedStorage"), DType::kUint8);
  EXPECT_EQ(DTypeFromStorageClass("FloatTensor"), std::nullopt);
  EXPECT_EQ(DTypeFromStorageClass(""), std::nullopt);
}

TEST(DType, NamesAndNumbersOfCxxAndOfExport) {
  // The names that TorchScript's pickler makes storage classes of, and the numbers in mobile files.
  EXPECT_EQ(DTypeFromStorageClass("Float8_e5m2Storage"), DType::kFloat8E5M2);
  EXPECT_EQ(DTypeFromStorageClass("UInt16Storage"), DType::kUint16);
  EXPECT_EQ(DTypeFromStorageClass("ComplexHalfStorage"), DType::kComplex32);
  EXPECT_EQ(DTypeFromStorageClass("BComplex32Storage"), DType::kBComplex32);
  EXPECT_EQ(DTypeFromStorageClass("Storage"), std::nullopt);
  EXPECT_EQ(DTypeFromC10(0), DType::kUint8);
  EXPECT_EQ(DTypeFromC10(15), DType::kBFloat16);
  EXPECT_EQ(DTypeFromC10(46), DType::kBComplex32);
  EXPECT_EQ(DTypeFromC10(-1), DType::kUnknown);
  EXPECT_EQ(DTypeFromC10(47), DType::kUnknown);
  EXPECT_EQ(DTypeFromExport(0), DType::kUnknown);
  EXPECT_EQ(DTypeFromExport(7), DType::kFloat32);
  EXPECT_EQ(DTypeFromExport(33), DType::kFloat8E8M0FNU);
  EXPECT_EQ(DTypeFromNumpy("c16"), DType::kComplex128);
  EXPECT_EQ(DTypeFromNumpy("i1"), DType::kInt8) << "not qint8";
  // Each number once.
  for (int64_t code = 0; code < 47; ++code) EXPECT_EQ(Info(DTypeFromC10(code)).c10_code, code);
}

TEST(DType, SafetensorsAndOnnx) {
  EXPECT_EQ(DTypeFromSafetensors("BF16"), DType::kBFloat16);
  EXPECT_EQ(DTypeFromSafetensors("F8_E4M3"), DType::kFloat8E4M3FN);
  EXPECT_EQ(DTypeFromSafetensors("F9"), std::nullopt);
  EXPECT_EQ(DTypeFromSafetensors(""), std::nullopt);
  EXPECT_EQ(DTypeFromOnnx(1), DType::kFloat32);
  EXPECT_EQ(DTypeFromOnnx(2), DType::kUint8);
  EXPECT_EQ(DTypeFromOnnx(7), DType::kInt64);
  EXPECT_EQ(DTypeFromOnnx(24), DType::kFloat8E8M0FNU);
  EXPECT_EQ(DTypeFromOnnx(0), std::nullopt);
  EXPECT_EQ(DTypeFromOnnx(8), std::nullopt);  // strings
}

TEST(DType, BytesFor) {
  EXPECT_EQ(BytesFor(DType::kFloat32, 3), 12U);
  EXPECT_EQ(BytesFor(DType::kComplex128, 2), 32U);
  EXPECT_EQ(BytesFor(DType::kQUInt4x2, 3), 2U);
  EXPECT_EQ(BytesFor(DType::kQUInt2x4, 4), 1U);
  EXPECT_EQ(BytesFor(DType::kQUInt2x4, 5), 2U);
  EXPECT_EQ(BytesFor(DType::kQUInt2x4, INT64_MAX), (uint64_t{1} << 61));
  EXPECT_EQ(BytesFor(DType::kFloat4E2M1FNx2, 3), 3U);
  EXPECT_EQ(BytesFor(DType::kUnknown, 5), 0U);
  EXPECT_EQ(BytesFor(DType::kUint8, INT64_MAX), static_cast<uint64_t>(INT64_MAX));
  EXPECT_EQ(BytesFor(DType::kFloat32, INT64_MAX), std::nullopt);
  EXPECT_EQ(BytesFor(DType::kFloat32, -1), std::nullopt);
}

}  // namespace
}  // namespace pthview
