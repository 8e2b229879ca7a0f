// Archives of torch.save that were unpacked and packed again, that lie unpacked, and several in one file.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;
using Members = std::vector<std::pair<std::string, std::string>>;

std::string Root(int64_t n = 2) { return code::Pickle(code::Named({{"w", code::Row("FloatStorage", "0", n)}})); }

Members Records(const std::string& folder) {
  return {{folder + "data.pkl", Root()},
          {folder + "byteorder", "little"},
          {folder + "data/0", code::Little(1.0F) + code::Little(2.0F)},
          {folder + "version", "3\n"}};
}

std::string Zip(const Members& members, bool deflate = false) {
  ZipBuilder zip;
  for (const auto& [name, data] : members) zip.Add({.name = name, .data = data, .deflate = deflate});
  return zip.Finish();
}

std::string Object(float first, size_t count) {
  ZipBuilder zip;
  std::string data;
  for (size_t i = 0; i < count; ++i) data += code::Little(first + static_cast<float>(i));
  zip.Add({.name = "archive/data.pkl", .data = Root(static_cast<int64_t>(count)), .torch = true});
  zip.Add({.name = "archive/data/0", .data = data, .torch = true});
  return zip.Finish();
}

TEST(ZipLayout, WhateverStandsFirstTheTensorsAreFound) {
  const Members shadow = {{"__MACOSX/._model", "x"}, {"__MACOSX/model/._data.pkl", "x"}};
  const Members store = {{".DS_Store", "x"}};
  const Members readme = {{"README.txt", "x"}};
  Members backwards = Records("model/");
  std::reverse(backwards.begin(), backwards.end());
  struct Case {
    const char* name;
    Members first;
    Members records;
    bool noted;
  };
  const Case cases[] = {
      {"as torch", {}, Records("model/"), false},         {"any order", {}, backwards, false},
      {"shadows", shadow, Records("model/"), true},       {"store", store, Records("model/"), true},
      {"readme", readme, Records("model/"), true},        {"folder more", {}, Records("download/model/"), true},
      {"three folders", readme, Records("a/b/c/"), true}, {"dot", {}, Records("./model/"), true},
  };
  for (const Case& row : cases) {
    Members all = row.first;
    all.insert(all.end(), row.records.begin(), row.records.end());
    for (bool deflate : {false, true}) {
      auto model = OpenBytes(Zip(all, deflate));
      ASSERT_TRUE(model) << row.name << ": " << model.error().message;
      EXPECT_EQ(model->format, "torch-zip") << row.name;
      EXPECT_EQ(Describe(*model, "w"), "float32[2] 1.0 2.0") << row.name;
      EXPECT_EQ(Noted(*model, "zip-layout"), row.noted) << row.name;
    }
  }
}

TEST(ZipLayout, SeveralUnpackedArchivesArePartsOfABag) {
  Members all = Records("a/one/");
  for (const auto& record : Records("b/two/")) all.push_back(record);
  all.emplace_back("b/notes.txt", "some text that is no checkpoint");
  auto model = OpenBytes(Zip(all));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "zip");
  EXPECT_EQ(model->tensors.size(), 2u);
  EXPECT_EQ(Describe(*model, "[\"a/one\"].w"), "float32[2] 1.0 2.0");
  EXPECT_EQ(Describe(*model, "[\"b/two\"].w"), "float32[2] 1.0 2.0");
}

TEST(ZipLayout, BackslashesAreFolders) {
  Members records = Records("model/");
  for (auto& [name, data] : records) std::replace(name.begin(), name.end(), '/', '\\');
  auto model = OpenBytes(Zip(records));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "w"), "float32[2] 1.0 2.0");
  EXPECT_TRUE(Noted(*model, "zip-backslash"));
  // Where slashes are used as well, a backslash is a character like any other.
  records.emplace_back("a/b", "x");
  EXPECT_FALSE(Noted(*OpenBytes(Zip(records)), "zip-backslash"));
}

TEST(ZipLayout, FirstBytesThatWereWrittenOver) {
  for (std::string_view first : {"05", "XX", "\xFF\xFF\xFF\xFF"}) {
    std::string bytes = Zip(Records("model/"));
    bytes.replace(0, first.size(), first);
    auto model = OpenBytes(bytes);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(Describe(*model, "w"), "float32[2] 1.0 2.0");
    EXPECT_TRUE(Noted(*model, "zip-local-signature"));
    // What is no header of that record is still none.
    bytes.replace(26, 30, 30, '\0');
    auto broken = OpenBytes(bytes);
    if (broken) EXPECT_FALSE(Noted(*broken, "zip-local-signature"));
  }
}

TEST(ZipLayout, SeveralSavesInOneFileAreItsParts) {
  for (size_t count : {size_t{2}, size_t{3}}) {  // of one size, where offsets of one lead into the other, and of two
    auto model = OpenBytes(Object(1, 2) + Object(5, count));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(Describe(*model, "[0].w"), "float32[2] 1.0 2.0");
    EXPECT_EQ(Describe(*model, "[1].w"), count == 2 ? "float32[2] 5.0 6.0" : "float32[3] 5.0 6.0 7.0");
    EXPECT_EQ(model->parts.size(), 2u);
    for (const Finding& finding : model->findings) EXPECT_EQ(finding.severity, Severity::kInfo) << finding.text;
    EXPECT_TRUE(Noted(*model, "several-objects"));
  }
  // Bytes that are no archive in front of one are said as before.
  auto stub = OpenBytes("PK\3\4 and something that is none" + Object(1, 2));
  ASSERT_TRUE(stub) << stub.error().message;
  EXPECT_EQ(Describe(*stub, "w"), "float32[2] 1.0 2.0");
  EXPECT_TRUE(Noted(*stub, "zip-concatenated") || Noted(*stub, "zip-prefix-bytes"));
}

TEST(ZipLayout, LegacySavesInARowAndAnArchiveBehindThem) {
  auto file = [](float value) {
    return code::LegacyFile(code::Named({{"w", code::Row("FloatStorage", "0", 1)}}),
                            {code::Values<float>("0", {value})});
  };
  auto model = OpenBytes(file(1) + file(2) + Object(3, 1));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torch-legacy");
  EXPECT_EQ(Describe(*model, "[0].w"), "float32[1] 1.0");
  EXPECT_EQ(Describe(*model, "[1].w"), "float32[1] 2.0");
  EXPECT_EQ(Describe(*model, "[2].w"), "float32[1] 3.0");
  // The second one is cut short: the first is whole.
  const std::string cut = file(1) + file(2);
  auto broken = OpenBytes(cut.substr(0, file(1).size() + 30));
  ASSERT_TRUE(broken) << broken.error().message;
  EXPECT_TRUE(Noted(*broken, "trailing-bytes"));
}

TEST(ZipLayout, PersistentIdsOfProtocolZeroAreText) {
  const std::string tensor =
      "ctorch._utils\n_rebuild_tensor_v2\n(P('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 2)\n"
      "I0\n(I2\nt(I1\ntI00\nccollections\nOrderedDict\n(tRtR";
  const std::string pickle = "(dVw\n" + tensor + "s.";
  ZipBuilder zip;
  zip.Add({.name = "m/data.pkl", .data = pickle});
  zip.Add({.name = "m/data/0", .data = code::Little(1.0F) + code::Little(2.0F)});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "w"), "float32[2] 1.0 2.0");
  // Text that is nearly such an id names nothing.
  for (std::string_view id :
       {"('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 2", "('storage', <class 'x'>, '0', 'cpu', 2)",
        "('storage', 'torch.FloatStorage', '0', 'cpu', 2)", "()", ""}) {
    std::string other = pickle;
    const size_t at = other.find('P') + 1;
    other.replace(at, other.find('\n', at) - at, id);
    ZipBuilder wrong;
    wrong.Add({.name = "m/data.pkl", .data = other});
    auto read = OpenBytes(wrong.Finish());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_NE(Describe(*read, "w"), "float32[2] 1.0 2.0") << id;
  }
}

class UnpackedArchive : public testing::Test {
 protected:
  void Write(const std::string& folder) {
    for (const auto& [name, data] : Records(folder)) {
      std::filesystem::create_directories(std::filesystem::path(folder_ / name).parent_path());
      WriteText(folder_ / name, data);
    }
  }
  TemporaryFolder folder_;
};

TEST_F(UnpackedArchive, IsReadWhereItLies) {
  Write("model/");
  for (const char* path : {"model", "model/data.pkl", ""}) {
    auto model = OpenModel(folder_ / path);
    ASSERT_TRUE(model) << path << model.error().message;
    EXPECT_EQ(model->format, "torch-zip");
    EXPECT_EQ(Describe(*model, "w"), "float32[2] 1.0 2.0") << path;
    const Storage& storage = model->storages[FindTensor(*model, "w")->storage];
    EXPECT_EQ(storage.record, "model/data/0");
    EXPECT_EQ(storage.offset, 0u);
    EXPECT_TRUE(model->sources[storage.source]->name().ends_with("/model/data/0"));
    EXPECT_TRUE(Noted(*model, "unpacked-archive"));
  }
}

TEST_F(UnpackedArchive, WithoutAStorageSaysSo) {
  Write("model/");
  std::filesystem::remove(folder_ / "model/data/0");
  auto model = OpenModel(folder_ / "model");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "w"), "float32[2] missing");
  EXPECT_TRUE(Noted(*model, "storage-missing"));
}

TEST_F(UnpackedArchive, APickleOfThatNameAloneIsAPickle) {
  WriteText(folder_ / "data.pkl", code::Pickle(code::Named({{"lr", code::Float(0.5)}})));
  auto model = OpenModel(folder_ / "data.pkl");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "pickle");
}

}  // namespace
}  // namespace pthview
