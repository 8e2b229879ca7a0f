#include <gtest/gtest.h>

#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;

std::string Root() {
  return code::Pickle(
      code::Named({{"a", code::Row("FloatStorage", "0", 2)}, {"b", code::Row("FloatStorage", "1", 1)}}));
}

// An archive of torch.save; `more` are further records.
std::string Archive(const std::vector<std::pair<std::string, std::string>>& more, bool with_second = true) {
  ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = Root(), .torch = true});
  zip.Add({.name = "m/data/0", .data = code::Little(1.0F) + code::Little(2.0F), .torch = true});
  if (with_second) zip.Add({.name = "m/data/1", .data = code::Little(3.0F), .torch = true});
  for (const auto& [name, data] : more) zip.Add({.name = "m/" + name, .data = data, .torch = true});
  return zip.Finish();
}

TEST(TorchZip, ReadsRecordsByTheirKeys) {
  auto model = OpenBytes(Archive({{"version", "3\n"}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torch-zip");
  EXPECT_EQ(model->format_text, "PyTorch zip archive, version 3");
  EXPECT_EQ(Describe(*model, "a"), "float32[2] 1.0 2.0");
  EXPECT_EQ(model->storages[FindTensor(*model, "b")->storage].record, "m/data/1");
  EXPECT_TRUE(model->findings.empty());
}

TEST(TorchZip, MissingRecordIsATensorWithoutData) {
  auto model = OpenBytes(Archive({}, false));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "a"), "float32[2] 1.0 2.0");
  EXPECT_EQ(Describe(*model, "b"), "float32[1] missing");
  EXPECT_TRUE(Noted(*model, "storage-missing"));
}

TEST(TorchZip, ByteOrder) {
  auto swapped = [](float value) {
    std::string bytes = code::Little(value);
    return std::string(bytes.rbegin(), bytes.rend());
  };
  ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = Root()});
  zip.Add({.name = "m/byteorder", .data = "big"});
  zip.Add({.name = "m/data/0", .data = swapped(1.5F) + swapped(-2)});
  zip.Add({.name = "m/data/1", .data = swapped(4), .deflate = true});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "a"), "float32[2] 1.5 -2.0");
  EXPECT_EQ(Describe(*model, "b"), "float32[1] 4.0");
  auto unknown = OpenBytes(Archive({{"byteorder", "middle"}}));
  ASSERT_TRUE(unknown);
  EXPECT_TRUE(Noted(*unknown, "byteorder"));
  EXPECT_EQ(Describe(*unknown, "b"), "float32[1] 3.0");
}

TEST(TorchZip, DeflatedRecordsAreReadToo) {
  ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = Root(), .deflate = true});
  zip.Add({.name = "m/data/0", .data = code::Little(1.0F) + code::Little(2.0F), .deflate = true});
  zip.Add({.name = "m/data/1", .data = code::Little(3.0F)});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "a"), "float32[2] 1.0 2.0");
}

TEST(TorchZip, ShortRecordIsOutOfBounds) {
  ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = Root()});
  zip.Add({.name = "m/data/0", .data = code::Little(1.0F)});
  zip.Add({.name = "m/data/1", .data = code::Little(3.0F)});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "a"), "float32[2] oob");
  EXPECT_TRUE(Noted(*model, "storage-size"));
}

}  // namespace
}  // namespace pthview
