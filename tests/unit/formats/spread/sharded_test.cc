#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/formats/open_memory.h"
#include "tests/unit/formats/weights/safetensors_builder.h"

namespace pthview {
namespace {

using testing::Contains;
using testing::IsEmpty;

const std::string kShardA = Safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "1");
const std::string kShardB = Safetensors(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "22");

class Sharded : public testing::Test {
 protected:
  Model Open(const std::string& index, const std::string& what = "model.safetensors.index.json") {
    WriteText(folder_ / "model.safetensors.index.json", index);
    auto model = OpenModel(what.empty() ? folder_.path() : folder_ / what);
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : Model();
  }
  TemporaryFolder folder_;
};

TEST_F(Sharded, MergesShardsIntoOnePart) {
  WriteText(folder_ / "1.safetensors", kShardA);
  WriteText(folder_ / "2.safetensors", kShardB);
  std::string index = R"({"metadata":{"total_size":3},"weight_map":{"b":"2.safetensors","a":"1.safetensors"}})";
  for (const char* what : {"model.safetensors.index.json", ""}) {
    Model model = Open(index, what);
    ASSERT_EQ(model.tensors.size(), 2u);
    EXPECT_EQ(model.tensors[1].name, "b");
    EXPECT_EQ(model.tensors[1].data, DataState::kPresent);
    EXPECT_EQ(model.parts.size(), 1u);
    EXPECT_EQ(model.plain.at(0).path, "metadata.total_size");
    EXPECT_THAT(CodesOf(model), IsEmpty());
  }
}

TEST_F(Sharded, ListsTheTensorsOfMissingShards) {
  WriteText(folder_ / "1.safetensors", kShardA);
  Model model = Open(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"1.safetensors"}})");
  ASSERT_EQ(model.tensors.size(), 3u);
  EXPECT_EQ(model.tensors[1].name, "c");
  EXPECT_EQ(model.tensors[1].data, DataState::kMissing);
  EXPECT_EQ(model.tensors[2].name, "b");
  EXPECT_EQ(model.tensors[2].data, DataState::kMissing);
  EXPECT_THAT(CodesOf(model), testing::ElementsAre("shard-lacks", "shard-missing"));
}

TEST_F(Sharded, NeverLeavesItsFolder) {
  std::filesystem::create_directory(folder_ / "inner");
  WriteText(folder_ / "outside.safetensors", kShardA);
  WriteText(folder_ / "inner/model.index.json", R"({"weight_map":{"a":"../outside.safetensors"}})");
  for (std::string name : {std::string("../outside.safetensors"), folder_ / "outside.safetensors", std::string("..")}) {
    WriteText(folder_ / "inner/model.index.json", R"({"weight_map":{"a":")" + name + "\"}}");
    auto model = OpenModel(folder_ / "inner/model.index.json");
    ASSERT_TRUE(model);
    EXPECT_THAT(CodesOf(*model), Contains("shard-name"));
    EXPECT_EQ(model->tensors.at(0).data, DataState::kMissing);
  }
}

TEST_F(Sharded, AnIndexThatNamesItselfEnds) {
  Model model = Open(R"({"weight_map":{"a":"model.safetensors.index.json"}})");
  EXPECT_THAT(CodesOf(model), Contains("shard-broken"));
}

TEST_F(Sharded, RefusesAnIndexWithoutAMap) {
  WriteText(folder_ / "x.index.json", R"({"weight_map":[1]})");
  EXPECT_EQ(OpenModel(folder_ / "x.index.json").error().code, ErrorCode::kCorrupt);
  WriteText(folder_ / "x.index.json", R"({"weight_map":{"a")");
  EXPECT_EQ(OpenModel(folder_ / "x.index.json").error().code, ErrorCode::kCorrupt);
}

TEST_F(Sharded, AFolderOfSomethingElseSaysSo) {
  auto model = OpenModel(folder_.path());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kUnrecognized);
  EXPECT_THAT(model.error().message, testing::HasSubstr("directory"));
}

}  // namespace
}  // namespace pthview
