// What is said of files that are nothing of ours, and of folders.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/open_memory.h"
#include "tests/unit/formats/pickle_assembler.h"
#include "tests/unit/formats/weights/safetensors_builder.h"

namespace pthview {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace)

std::string MessageOf(std::string_view bytes) {
  auto model = OpenBytes(bytes);
  return model ? "it was opened" : model.error().message + " / " + model.error().hint;
}

TEST(Unrecognized, IsNamed) {
  struct Case {
    std::string bytes;
    const char* what;
  };
  const std::string zeros(60, '\0');
  const Case cases[] = {
      {"\x1c\0\0\0ET12"s + zeros, "ExecuTorch program"},
      {"\x44\0\0\0FT01FH01"s + zeros, "ExecuTorch's data"},
      {"\x08\x0a\x12\x07pytorch\x3a\x20"s + zeros, "ONNX"},
      {"\x08\x07\x3a\x20\x0a\x10"s + zeros, "ONNX"},
      {"Rar!\x1a\x07\x01\0"s + zeros, "RAR"},
      {"\x04\x22\x4d\x18"s + zeros, "LZ4"},
      {"tjgg\3\0\0\0"s + zeros, "GGJT"},
      {"ftrt"s + zeros, "TensorRT"},
      {"MATLAB 5.0 MAT-file, Platform: GLNXA64"s + zeros, "MATLAB"},
      {"SQLite format 3\0"s + zeros, "SQLite"},
      {"\0\5\x16\7\0\2\0\0Mac OS X        "s + zeros, "AppleDouble"},
      {"\4\0\0\0\1\0\0\0\3\0\0\0V 1\x0d\0\0\0nn.Sequential"s + zeros, "Torch7"},
      {"\3\0\0\0\1\0\0\0\2\0\0\0\2\0\0\0\3\0\0\0V 1"s + zeros, "Torch7"},
      {"4\n1\n3\nV 1\n13\nnn.Sequential\n"s, "Torch7"},
      {"UEsDBBQAAAAIAAAAIQ=="s, "base64"},
      {"\xEF\xBB\xBF \n <!DOCTYPE HTML><title>404</title>"s, "HTML page"},
      {"\n\n<html><body>"s, "HTML page"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"s, "AccessDenied"},
      {"404: Not Found\nmore"s, "`404: Not Found`"},
      {"Entry not found\x1b[31m"s, "no known format"},
      {" \n\t  \n    "s, "nothing but blanks"},
  };
  for (const Case& row : cases) EXPECT_THAT(MessageOf(row.bytes), HasSubstr(row.what));
  EXPECT_THAT(MessageOf(std::string(300, 'a')), HasSubstr(std::string(80, 'a') + "..."));
}

TEST(Unrecognized, ArchivesSayWhatKeepsThemFromBeingOne) {
  ZipBuilder failed;
  failed.Add({.name = "m/byteorder", .data = "little"});
  failed.Add({.name = "m/version", .data = "3\n"});
  failed.Add({.name = "m/.data/serialization_id", .data = std::string(40, '1')});
  EXPECT_THAT(MessageOf(failed.Finish()), HasSubstr("saving it failed"));
  ZipBuilder packed;
  packed.Add({.name = "m/data/0", .data = "12345678901234567890", .method = 9});
  EXPECT_THAT(MessageOf(packed.Finish()), HasSubstr("Deflate64"));
}

TEST(Unrecognized, OnnxIsNotSaidOfWhateverBeginsWithEight) {
  for (const std::string& bytes :
       {"\x08\x00\x12\x07"s + std::string(20, '\0'), "\x08\x09\x12\x7f short"s, "\x08\x0a\x12\x07\1\2\3\4\5\6\7 "s}) {
    EXPECT_THAT(MessageOf(bytes), testing::Not(HasSubstr("ONNX")));
  }
}

class Folder : public testing::Test {
 protected:
  Folder() {
    WriteText(folder_ / "trainer_state.json", "{}");
    WriteText(folder_ / "notes.txt", "some text");
  }
  void WriteModel(const std::string& name) {
    WriteText(folder_ / name, Safetensors(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "1"));
  }
  void WritePickle(const std::string& name) {
    WriteText(folder_ / name, assembler::Pickle(assembler::Named({{"lr", assembler::Float(0.5)}})));
  }
  TemporaryFolder folder_;
};

TEST_F(Folder, WithOneThingOpensIt) {
  WriteModel("anything.safetensors");
  auto model = OpenModel(folder_.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "safetensors");
  EXPECT_EQ(model->file, folder_.path());
  EXPECT_THAT(model->findings.back().text, HasSubstr("anything.safetensors"));
}

TEST_F(Folder, OfATrainerOpensTheModelAndNamesTheRest) {
  WriteModel("model.safetensors");
  WritePickle("optimizer.pt");
  WritePickle("scheduler.pt");
  auto model = OpenModel(folder_.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->tensors.size(), 1u);
  EXPECT_THAT(model->findings.back().text, AllOf(HasSubstr("optimizer.pt"), HasSubstr("scheduler.pt")));
}

TEST_F(Folder, WithSeveralThingsNamesThem) {
  WriteModel("a.safetensors");
  WritePickle("b.pt");
  std::filesystem::create_directory(folder_ / "unpacked");
  WriteText(folder_ / "unpacked/data.pkl", assembler::Pickle(assembler::Named({})));
  WriteText(folder_ / "unpacked/version", "3\n");
  auto model = OpenModel(folder_.path());
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().hint, AllOf(HasSubstr("a.safetensors"), HasSubstr("b.pt"), HasSubstr("unpacked")));
}

TEST_F(Folder, OfNumberedShardsWithoutAnIndex) {
  const std::string one = R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  const std::string two = R"({"v":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  WriteText(folder_ / "model-00001-of-00003.safetensors", Safetensors(one, "1"));
  WriteText(folder_ / "model-00003-of-00003.safetensors", Safetensors(two, "2"));
  auto model = OpenModel(folder_.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "shards");
  EXPECT_EQ(model->tensors.size(), 2u);
  EXPECT_THAT(CodesOf(*model), testing::Contains("shard-missing"));
}

TEST_F(Folder, ShardsOfTensorsArePutTogether) {
  // Rows 0 and 1 of a [2, 2] tensor, from two writers.
  const auto shard = [](int row) {
    return R"({"__metadata__":{"DCP_SHARDING_INFO":"{\"w\": {\"saved_offsets\": [)" + std::to_string(row) +
           R"(, 0]}}","DCP_VERSION":"1.0"},"w":{"dtype":"U8","shape":[1,2],"data_offsets":[0,2]}})";
  };
  WriteText(folder_ / "shard-00001-model-00001-of-00001.safetensors", Safetensors(shard(0), "\1\2"));
  WriteText(folder_ / "shard-00002-model-00001-of-00001.safetensors", Safetensors(shard(1), "\3\4"));
  auto model = OpenModel(folder_.path());
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->tensors.size(), 1u);
  const Tensor& tensor = model->tensors[0];
  ASSERT_EQ(tensor.data, DataState::kPresent);
  auto bytes = model->sources[model->storages[tensor.storage].source]->Read(0, 4);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ((*bytes)[2], std::byte{3});
  // Two that overlap do not make a tensor.
  WriteText(folder_ / "shard-00002-model-00001-of-00001.safetensors", Safetensors(shard(0), "\3\4"));
  auto overlap = OpenModel(folder_.path());
  ASSERT_TRUE(overlap) << overlap.error().message;
  EXPECT_THAT(CodesOf(*overlap), testing::Contains("shard-parts"));
  EXPECT_NE(overlap->tensors.at(0).data, DataState::kPresent);
}

TEST_F(Folder, OfATensorDictIsReadByItsMeta) {
  std::filesystem::create_directory(folder_ / "inner");
  WriteText(folder_ / "meta.json",
            R"({"w": {"device": "cpu", "shape": [2], "dtype": "torch.uint8", "is_nested": false},
                "gone": {"device": "cpu", "shape": [2], "dtype": "torch.uint8"}, "inner": {"type": "TensorDict"},
                "../up": {"type": "TensorDict"}, "shape": [], "_type": "<class 'tensordict._td.TensorDict'>"})");
  WriteText(folder_ / "w.memmap", "\1\2");
  WriteText(folder_ / "inner/meta.json",
            R"({"b": {"shape": [3], "dtype": "torch.uint8"}, "shape": [], "_type": "<class 'TensorDict'>"})");
  WriteText(folder_ / "inner/b.memmap", "\1\2");
  auto model = OpenModel(folder_.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "tensordict");
  ASSERT_EQ(model->tensors.size(), 3u);
  EXPECT_EQ(model->tensors[0].data, DataState::kPresent);
  EXPECT_EQ(model->tensors[1].data, DataState::kMissing);
  EXPECT_EQ(model->tensors[2].path, "inner.b");
  EXPECT_EQ(model->tensors[2].data, DataState::kOutOfBounds);
}

}  // namespace
}  // namespace pthview
