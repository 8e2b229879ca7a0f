#include <gtest/gtest.h>

#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

std::string TwoTensors() {
  return LegacyFile(Named({{"a", Row("FloatStorage", "0", 2)}, {"b", Row("LongStorage", "1", 1)}}),
                    {Values<float>("0", {1, 2}), Values<int64_t>("1", {7})});
}

TEST(TorchLegacy, ReadsStoragesInTheOrderOfTheKeys) {
  auto model = OpenBytes(TwoTensors());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torch-legacy");
  EXPECT_EQ(Describe(*model, "a"), "float32[2] 1.0 2.0");
  EXPECT_EQ(Describe(*model, "b"), "int64[1] 7");
  EXPECT_TRUE(model->findings.empty());
}

// Cut anywhere, it is an error or a model that says what is missing; what is whole is read as before.
TEST(TorchLegacy, CutAtEachByte) {
  const std::string whole = TwoTensors();
  const size_t storages = whole.size() - (8 + 8) - (8 + 8);
  for (size_t size = 0; size < whole.size(); ++size) {
    auto model = OpenBytes(whole.substr(0, size));
    if (!model) {
      EXPECT_LT(size, storages) << "the object is whole: " << model.error().message;
      continue;
    }
    EXPECT_FALSE(model->findings.empty()) << size;
    ASSERT_EQ(model->tensors.size(), 2U) << size;
    EXPECT_EQ(Describe(*model, "a"), size >= storages + 16                         ? "float32[2] 1.0 2.0"
                                     : size > storages + 8 || size == storages + 8 ? "float32[2] oob"
                                                                                   : "float32[2] missing")
        << size;
    EXPECT_EQ(Describe(*model, "b"), size >= storages + 24 ? "int64[1] oob" : "int64[1] missing") << size;
  }
}

TEST(TorchLegacy, ViewsAreWindowsOfTheirStorage) {
  Code window = Tuple({Text("view"), Int(1), Int(2)});
  Code outside = Tuple({Text("bad"), Int(3), Int(2)});
  std::string file = LegacyFile(Named({{"w", TensorV2(StorageCode("FloatStorage", "0", 4, window), {2}, {1})},
                                       {"x", TensorV2(StorageCode("FloatStorage", "0", 4, outside), {1}, {1})}}),
                                {Values<float>("0", {1, 2, 3, 4})});
  auto model = OpenBytes(file);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "w"), "float32[2] 2.0 3.0");
  EXPECT_EQ(Describe(*model, "x"), "float32[1] missing");
  EXPECT_TRUE(Noted(*model, "storage-view"));
}

TEST(TorchLegacy, SizesThatContradictEachOther) {
  std::string file = LegacyFile(Named({{"a", Row("FloatStorage", "0", 4)}, {"b", Row("FloatStorage", "1", 1)}}),
                                {Values<float>("0", {1, 2}), Values<float>("1", {9})});
  auto model = OpenBytes(file);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(Noted(*model, "storage-size"));
  EXPECT_EQ(Describe(*model, "a"), "float32[4] oob");
  EXPECT_EQ(Describe(*model, "b"), "float32[1] 9.0") << "the storage's own count tells where the next one is";
  for (int64_t numel : {int64_t{-1}, INT64_MAX, INT64_MIN}) {
    StorageBytes lying{"0", numel, Little(1.0F)};
    auto broken = OpenBytes(LegacyFile(Named({{"a", Row("FloatStorage", "0", 1)}}), {lying}));
    ASSERT_TRUE(broken) << broken.error().message;
    EXPECT_FALSE(broken->findings.empty());
    EXPECT_NE(FindTensor(*broken, "a")->data, DataState::kPresent) << numel;
  }
}

TEST(TorchLegacy, BytesBehindTheEndAreAFinding) {
  auto model = OpenBytes(TwoTensors() + "tail");
  ASSERT_TRUE(model);
  EXPECT_TRUE(Noted(*model, "trailing-bytes"));
  EXPECT_EQ(Describe(*model, "b"), "int64[1] 7");
}

}  // namespace
}  // namespace pthview
