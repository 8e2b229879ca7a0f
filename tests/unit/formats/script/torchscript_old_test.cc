#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;

std::string Archive(std::string_view main_module, std::string_view dims = R"(["2"])") {
  std::string json = R"({"protoVersion": "2", "producerVersion": "1.0", "tensors": [{"dims": )" + std::string(dims) +
                     R"(, "strides": ["1"], "offset": "1", "dataType": "FLOAT", "device": "cpu",
                         "requiresGrad": true, "data": {"key": "tensors/0"}}], "mainModule": )" +
                     std::string(main_module) + "}";
  auto tensor = code::Reduce(code::Global("torch.jit._pickle", "build_tensor_from_id"), {code::Int(0)});
  ZipBuilder zip;
  zip.Add({.name = "net/version", .data = "1\n"});
  zip.Add({.name = "net/code/net.py", .data = "def forward(self):\n  pass\n"});
  zip.Add({.name = "net/attributes.pkl", .data = code::Pickle(code::Tuple({tensor, code::Int(7)}))});
  zip.Add({.name = "net/tensors/0", .data = code::Little(1.0F) + code::Little(2.0F) + code::Little(3.0F)});
  zip.Add({.name = "net/model.json", .data = json});
  return zip.Finish();
}

TEST(TorchScriptOld, ReadsTheTree) {
  auto model = OpenBytes(Archive(R"({"name": "net", "torchscriptArena": {"key": "code/net.py"},
      "attributes": [{"name": "kept", "id": "0"}, {"name": "count", "id": "1"}],
      "submodules": [{"name": "a", "parameters": [{"name": "w", "tensorId": "0", "isBuffer": false}],
                      "submodules": [{"name": "b", "parameters": [{"name": "w", "tensorId": "0", "isBuffer": true}]}]}]})"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torchscript-old");
  EXPECT_EQ(model->producer, "torch 1.0");
  EXPECT_EQ(Describe(*model, "kept"), "float32[2] 2.0 3.0");
  EXPECT_EQ(FindTensor(*model, "kept")->kind, TensorKind::kConstant);
  EXPECT_EQ(FindTensor(*model, "a.w")->kind, TensorKind::kParameter);
  EXPECT_EQ(FindTensor(*model, "a.w")->requires_grad, true);
  EXPECT_EQ(FindTensor(*model, "a.b.w")->kind, TensorKind::kBuffer);
  EXPECT_EQ(FindTensor(*model, "a.b.w")->same_as, 0u);
  ASSERT_EQ(model->modules.size(), 3u);
  EXPECT_EQ(model->modules[0].source, "def forward(self):\n  pass\n");
  EXPECT_EQ(model->modules[0].attributes.at(0).text, "7");
  EXPECT_EQ(model->modules[2].path, "a.b");
  EXPECT_EQ(model->modules[2].parent, 1u);
}

TEST(TorchScriptOld, NumbersThatLieAreFindings) {
  auto outside = OpenBytes(Archive(R"({"parameters": [{"name": "w", "tensorId": "0"}]})", R"(["3"])"));
  ASSERT_TRUE(outside);
  EXPECT_EQ(Describe(*outside, "w"), "float32[3] oob");
  auto unknown = OpenBytes(Archive(R"({"parameters": [{"name": "w", "tensorId": "9"}]})"));
  ASSERT_TRUE(unknown);
  EXPECT_EQ(Describe(*unknown, "w"), "(none)");
  EXPECT_TRUE(Noted(*unknown, "tensor-missing"));
}

TEST(TorchScriptOld, LongNamesInDeepNestsAreCutOff) {
  std::string module = R"({"name": "x"})";
  for (int i = 0; i < 80; ++i) {
    module = R"({"name": ")" + std::string(500, 'n') + R"(", "submodules": [)" + module + R"(, {"name": "y"}]})";
  }
  std::string wide = R"({"name": "net", "submodules": [)";
  for (int i = 0; i < 10; ++i) wide += (i > 0 ? "," : "") + module;
  auto model = OpenBytes(Archive(wide + "]}"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(Noted(*model, "path-limit"));
  EXPECT_LT(model->arena.bytes_used(), size_t{16} << 20);
}

TEST(TorchScriptOld, TensorsThatNoModuleNamesAreConstantsOfTheCode) {
  auto model = OpenBytes(Archive(R"({"name": "net", "parameters": []})"));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->tensors.size(), 1u);
  EXPECT_EQ(Describe(*model, "CONSTANTS.c0"), "float32[2] 2.0 3.0");
  EXPECT_EQ(model->tensors[0].kind, TensorKind::kConstant);
}

// The container that the first archives were in.
std::string PyTorch1(const std::vector<std::string>& records, std::optional<uint64_t> footer = std::nullopt) {
  std::string out = "PYTORCH1" + code::Little(uint64_t{2});
  const auto pad = [&] { out.resize((out.size() + 63) / 64 * 64, '\xEF'); };
  uint64_t last = 0;
  for (const std::string& record : records) {
    pad();
    last = out.size();
    out += code::Little(uint64_t{1}) + code::Little(uint64_t{record.size()});
    pad();
    out += record;
  }
  pad();
  out += code::Little(uint64_t{2}) + code::Little(footer.value_or(last));
  pad();
  return out;
}

std::string FirstJson(std::string_view key) {
  return R"({"protoVersion": "1", "producerVersion": "1.0", "tensors": [{"dims": ["2"], "strides": ["1"], "offset": "0",
             "dataType": "FLOAT", "data": {"key": ")" +
         std::string(key) + R"("}}], "mainModule": {"parameters": [{"name": "w", "tensorId": "0"}]}})";
}

TEST(TorchScriptOld, TheContainerBeforeZipIsReadByOffsets) {
  const std::string whole = PyTorch1({code::Little(1.0F) + code::Little(2.0F), FirstJson("64")});
  auto model = OpenBytes(whole);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torchscript-first");
  EXPECT_EQ(Describe(*model, "w"), "float32[2] 1.0 2.0");
  auto missing = OpenBytes(PyTorch1({"12345678", FirstJson("65")}));
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_EQ(Describe(*missing, "w"), "float32[2] missing");
  EXPECT_EQ(OpenBytes(PyTorch1({"12345678", FirstJson("64")}, 65)).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(OpenBytes(PyTorch1({"12345678", FirstJson("64")}, UINT64_MAX)).error().code, ErrorCode::kCorrupt);
  for (size_t size = 8; size < whole.size(); size += 7) {
    auto cut = OpenBytes(whole.substr(0, size));
    if (cut) EXPECT_TRUE(Noted(*cut, "truncated") || size > whole.size() - 48) << size;
  }
}

TEST(TorchScriptOld, OtherModelJsonIsNotOurs) {
  ZipBuilder zip;
  zip.Add({.name = "net/version", .data = "1\n"});
  zip.Add({.name = "net/model.json", .data = R"({"modelTopology": {}})"});
  auto model = OpenBytes(zip.Finish());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kUnrecognized);
}

}  // namespace
}  // namespace pthview
