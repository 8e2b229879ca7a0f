// DCP's `.metadata`, right and lying. What real torch writes is in tests/conformance (test_spread.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "lib/formats/spread/dcp_metadata.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"
#include "tests/unit/formats/weights/safetensors_builder.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)
using testing::Contains;

std::vector<std::string> CodesOf(const Model& model) {
  std::vector<std::string> codes;
  for (const Finding& finding : model.findings) codes.push_back(finding.code);
  return codes;
}

constexpr char kModule[] = "torch.distributed.checkpoint.metadata";

Code Instance(std::string_view name, const Pairs& attributes) {
  return Build(NewObject(Global(kModule, name)), Named(attributes));
}
Code Size(const std::vector<int64_t>& values) { return Reduce(Global("torch", "Size"), {Ints(values)}); }

Code Chunk(const std::vector<int64_t>& offsets, const std::vector<int64_t>& sizes) {
  return Instance("ChunkStorageMetadata", {{"offsets", Size(offsets)}, {"sizes", Size(sizes)}});
}

Code TensorEntry(const std::vector<int64_t>& shape, const Codes& chunks) {
  Code properties = Build(NewObject(Global(kModule, "TensorProperties")),
                          Tuple({Global("torch", "float32"), None(), Bool(true), None(), Bool(false)}));
  return Instance("TensorStorageMetadata",
                  {{"properties", properties}, {"size", Size(shape)}, {"chunks", List(chunks)}});
}

Pairs::value_type Place(std::string_view name, const std::vector<int64_t>& offsets, std::string_view file,
                        int64_t offset, int64_t length) {
  return {Instance("MetadataIndex", {{"fqn", Text(name)}, {"offset", Size(offsets)}}),
          Build(NewObject(Global("torch.distributed.checkpoint.filesystem", "_StorageInfo")),
                Named({{"relative_path", Text(file)}, {"offset", Int(offset)}, {"length", Int(length)}}))};
}

std::string Metadata(const Pairs& entries, const Pairs& places) {
  return Pickle(Instance("Metadata", {{"state_dict_metadata", Named(entries)}, {"storage_data", Dict(places)}}));
}

class Dcp : public testing::Test {
 protected:
  Model Open(const std::string& metadata) {
    WriteText(folder_ / ".metadata", metadata);
    auto model = OpenModel(folder_.path());
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : Model();
  }
  TemporaryFolder folder_;
};

TEST_F(Dcp, ListsWhatTheMetadataSays) {
  WriteText(folder_ / "__0_0.distcp", std::string(64, 'x'));
  Model model = Open(Metadata({{"w", TensorEntry({2, 3}, {Chunk({0, 0}, {1, 3}), Chunk({1, 0}, {1, 3})})}},
                              {Place("w", {0, 0}, "__0_0.distcp", 0, 32), Place("w", {1, 0}, "__0_0.distcp", 32, 32)}));
  ASSERT_EQ(model.tensors.size(), 1u);
  EXPECT_EQ(model.tensors[0].dtype, DType::kFloat32);
  EXPECT_EQ(model.tensors[0].requires_grad, true);
  EXPECT_EQ(model.tensors[0].data, DataState::kPresent);
  EXPECT_TRUE(model.findings.empty());
  // The chunks are looked into when they are read, and these are none.
  std::byte byte;
  EXPECT_FALSE(model.sources.at(0)->ReadAt(0, {&byte, 1}));
}

struct Lie {
  const char* code;
  Pairs places;
  Codes chunks;
};

TEST_F(Dcp, LiesBecomeFindings) {
  WriteText(folder_ / "a", std::string(64, 'x'));
  Code whole = Chunk({0, 0}, {2, 3});
  const Lie lies[] = {
      {"dcp-place", {}, {whole}},
      {"dcp-place", {Place("w", {0, 0}, "a", 40, 32)}, {whole}},
      {"dcp-place", {Place("w", {0, 0}, "a", INT64_MAX, INT64_MAX)}, {whole}},
      {"dcp-entry", {Place("w", {0, 0}, "a", -1, 32)}, {whole}},
      {"shard-missing", {Place("w", {0, 0}, "b", 0, 32)}, {whole}},
      {"shard-name", {Place("w", {0, 0}, "../a", 0, 32)}, {whole}},
      {"shard-name", {Place("w", {0, 0}, "/etc/passwd", 0, 32)}, {whole}},
      {"dcp-chunks", {Place("w", {0, 0}, "a", 0, 32)}, {Chunk({0, 0}, {1, 3})}},
      {"dcp-chunks", {Place("w", {0, 0}, "a", 0, 32)}, {whole, whole}},
      {"dcp-chunks", {Place("w", {0, 0}, "a", 0, 32)}, {Chunk({0, 0}, {INT64_MAX, INT64_MAX})}},
      {"dcp-chunks", {Place("w", {}, "a", 0, 32)}, {Chunk({0}, {6})}},
  };
  for (const Lie& lie : lies) {
    Model model = Open(Metadata({{"w", TensorEntry({2, 3}, lie.chunks)}}, lie.places));
    EXPECT_THAT(CodesOf(model), Contains(lie.code));
    ASSERT_EQ(model.tensors.size(), 1u);
    EXPECT_NE(model.tensors[0].data, DataState::kPresent) << lie.code;
  }
}

// A chunk as torch.save writes it, [1, 2].
std::string SavedChunk() {
  ZipBuilder zip;
  zip.Add({.name = "archive/data.pkl", .data = Pickle(Row("FloatStorage", "0", 2))});
  zip.Add({.name = "archive/data/0", .data = Little(1.0F) + Little(2.0F)});
  return zip.Finish();
}

Pairs::value_type PackedPlace(std::string_view file, int64_t length, const Codes& transforms) {
  return {Instance("MetadataIndex", {{"fqn", Text("w")}, {"offset", Size({0})}}),
          Build(NewObject(Global("torch.distributed.checkpoint.filesystem", "_StorageInfo")),
                Named({{"relative_path", Text(file)},
                       {"offset", Int(0)},
                       {"length", Int(length)},
                       {"transform_descriptors", List(transforms)}}))};
}

std::string FirstElements(const Model& model, size_t tensor) {
  return tensor < model.tensors.size() ? Describe(model, model.tensors[tensor]) : "(none)";
}

TEST_F(Dcp, ChunksPackedWithZstdAreRead) {
  const std::string chunk = SavedChunk();
  std::string packed(ZSTD_compressBound(chunk.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), chunk.data(), chunk.size(), 1));
  WriteText(folder_ / "a", packed);
  const auto length = static_cast<int64_t>(packed.size());
  const Code whole = Chunk({0}, {2});
  Model model = Open(Metadata({{"w", TensorEntry({2}, {whole})}}, {PackedPlace("a", length, {Text("stream.zstd/1")})}));
  EXPECT_EQ(FirstElements(model, 0), "float32[2] 1.0 2.0");
  EXPECT_TRUE(model.findings.empty());
  // An extension that is not known, and data that is not packed.
  model = Open(Metadata({{"w", TensorEntry({2}, {whole})}}, {PackedPlace("a", length, {Text("stream.aes/1")})}));
  EXPECT_THAT(CodesOf(model), Contains("dcp-transform"));
  WriteText(folder_ / "a", chunk);
  model = Open(Metadata({{"w", TensorEntry({2}, {whole})}},
                        {PackedPlace("a", static_cast<int64_t>(chunk.size()), {Text("stream.zstd/1")})}));
  EXPECT_THAT(FirstElements(model, 0), testing::HasSubstr("zstd"));
}

TEST_F(Dcp, ChunksInASafetensorsFileAreFoundByName) {
  const std::string file = Safetensors(
      R"({"__metadata__":{"DCP_SHARDING_INFO":"{\"v\": {\"saved_offsets\": [0]}, \"w\": {\"saved_offsets\": [2]}}"},)"
      R"("v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
      Little(1.0F) + Little(2.0F) + Little(3.0F) + Little(4.0F));
  WriteText(folder_ / "a", "value" + file);
  // Every slice says the same offset, and lengths that lie behind it.
  Model model = Open(Metadata(
      {{"v", TensorEntry({2}, {Chunk({0}, {2})})}, {"w", TensorEntry({4}, {Chunk({0}, {2}), Chunk({2}, {2})})}},
      {Place("v", {0}, "a", 5, 8), Place("w", {0}, "a", 5, 8), Place("w", {2}, "a", 5, 8)}));
  EXPECT_EQ(FirstElements(model, 0), "float32[2] 1.0 2.0");
  // The writer keeps one chunk of each name; the other one is gone, and must not be taken for it.
  ASSERT_EQ(model.tensors.size(), 2u);
  EXPECT_THAT(FirstElements(model, 1), testing::HasSubstr("another chunk"));
}

TEST_F(Dcp, SizeIsThatOfItsFilesAndWhatStandsBesideIsListed) {
  WriteText(folder_ / "__0_0.distcp", std::string(64, 'x'));
  WriteText(folder_ / "meta.pt", Pickle(Named({{"epoch", Int(3)}})));
  WriteText(folder_ / "other.pt", Pickle(Named({{"epoch", Int(3)}})));
  Model model = Open(
      Metadata({{"w", TensorEntry({2, 3}, {Chunk({0, 0}, {2, 3})})}}, {Place("w", {0, 0}, "__0_0.distcp", 0, 64)}));
  ASSERT_EQ(model.plain.size(), 1u);
  EXPECT_EQ(model.plain[0].path, "meta.epoch");
  EXPECT_THAT(model.findings.at(0).text, testing::HasSubstr("other.pt"));
  size_t files = 0;
  for (const auto& source : model.sources) files += source->real_path().empty() ? 0 : 1;
  EXPECT_EQ(files, 3u);  // .metadata, the data, meta.pt
}

TEST_F(Dcp, RefusesOtherPickles) {
  std::string other = Pickle(Named({{"a", Int(1)}}));
  EXPECT_FALSE(LooksLikeDcpMetadata(std::as_bytes(std::span(other))));
  WriteText(folder_ / ".metadata", Pickle(Instance("Metadata", {{"storage_data", None()}})));
  auto model = OpenModel(folder_ / ".metadata");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace pthview
