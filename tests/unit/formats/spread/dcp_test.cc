// DCP's `.metadata`, right and lying. What real torch writes is in tests/conformance (test_spread.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/formats/spread/dcp_metadata.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/formats/open_memory.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)
using testing::Contains;

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
