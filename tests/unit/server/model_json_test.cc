#include "tools/server/model_json.h"

#include <regex>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lib/analysis/structure/structure.h"
#include "lib/formats/format.h"
#include "tests/unit/analysis/model_fixture.h"

namespace pthview::server {
namespace {

using pthview::testing::ModelFixture;
using Json = nlohmann::json;

Json DocumentOf(const Model& model) {
  Outline outline = BuildOutline(model);
  Result<std::string> text = ModelJson(model, outline, {"3", "model.pth", 7});
  EXPECT_TRUE(text) << (text ? "" : text.error().message);
  return text ? Json::parse(*text) : Json();
}

TEST(ModelJson, HasTheDocumentsShape) {
  ModelFixture fixture;
  fixture.AddPart(PartKind::kModel, "state_dict");
  Index weight = fixture.Add("conv.weight", {8, 3, 3, 3});
  Index buffer = fixture.Add("conv.steps", {}, DType::kInt64);
  fixture.model.tensors[weight].kind = TensorKind::kParameter;
  fixture.model.tensors[weight].data = DataState::kPresent;
  fixture.model.tensors[buffer].kind = TensorKind::kBuffer;
  fixture.model.tensors[buffer].data = DataState::kMeta;
  fixture.AddPlain("epoch", "3");
  fixture.model.findings.push_back({Severity::kWarning, "prefix", "state_dict", "a prefix"});
  InferModules(fixture.model);
  Json document = DocumentOf(fixture.model);

  EXPECT_EQ(document.value("signature", ""), "pthview/1");
  EXPECT_EQ(document.value("schema", ""), "pthview.model/1");
  EXPECT_EQ(document.value("id", ""), "3");
  EXPECT_EQ(document.value("name", ""), "model.pth");
  EXPECT_EQ(document.value("version", 0), 7);
  EXPECT_EQ(document["metadata"], Json::parse(R"([["epoch", "3"]])"));
  EXPECT_EQ(document["findings"][0]["severity"], "warning");
  EXPECT_EQ(document["findings"][0]["code"], "prefix");

  const Json& part = document["parts"][0];
  EXPECT_EQ(part["path"], "state_dict");
  EXPECT_EQ(part["kind"], "model");
  EXPECT_EQ(part["root"], 0);
  EXPECT_EQ(part["tensors"], 2);
  EXPECT_EQ(part["parameters"], 216);
  EXPECT_EQ(part["graph"], "inferred");
  EXPECT_EQ(document["parts"].size(), 1);

  const Json& modules = document["modules"];
  EXPECT_EQ(modules["path"], Json::parse(R"(["", "conv"])"));
  EXPECT_EQ(modules["parent"], Json::parse("[-1, 0]"));
  EXPECT_EQ(modules["training"], Json::parse("[-1, -1]"));
  for (const char* column : {"name", "class", "inferred", "attributes"}) EXPECT_EQ(modules[column].size(), 2) << column;

  const Json& tensors = document["tensors"];
  EXPECT_EQ(tensors["name"], Json::parse(R"(["conv.weight", "conv.steps"])"));
  EXPECT_EQ(tensors["path"], Json::parse(R"(["state_dict.conv.weight", "state_dict.conv.steps"])"));
  EXPECT_EQ(tensors["module"], Json::parse("[1, 1]"));
  EXPECT_EQ(tensors["dtype"], Json::parse(R"(["float32", "int64"])"));
  EXPECT_EQ(tensors["shape"], Json::parse("[[8, 3, 3, 3], []]"));
  EXPECT_EQ(tensors["kind"], Json::parse("[0, 1]"));
  EXPECT_EQ(tensors["data"], Json::parse("[0, 3]"));
  EXPECT_EQ(tensors["layout"], Json::parse(R"(["", ""])"));
  EXPECT_EQ(tensors["nbytes"], Json::parse("[864, 8]"));
}

TEST(ModelJson, LeavesOutStateDictVersions) {
  ModelFixture fixture;
  fixture.AddPlain("state_dict._metadata.conv1.version", "1");
  fixture.AddPlain("lr", "0.1");
  EXPECT_EQ(DocumentOf(fixture.model)["metadata"], Json::parse(R"([["lr", "0.1"]])"));
}

TEST(ModelJson, MetadataIsBounded) {
  ModelFixture fixture;
  for (int i = 0; i < 2000; ++i) fixture.AddPlain("value", std::string(5000, 'x'));
  Json document = DocumentOf(fixture.model);
  EXPECT_EQ(document["metadata"].size(), 500);
  EXPECT_EQ(document["metadata"][0][1].get<std::string>().size(), 1000);
}

TEST(ModelJson, NamesThatWouldMultiplyAreALimit) {
  // 200 modules under one name of 4 MB: their paths would take 800 MB.
  ModelFixture fixture;
  std::string_view longest = fixture.model.arena.Copy(std::string(4 << 20, 'x'));
  Outline outline;
  outline.roots = {kNone};
  for (int i = 0; i < 200; ++i) outline.modules.push_back({.name = "a", .path = longest});
  Result<std::string> text = ModelJson(fixture.model, outline, {"0", "m", 1});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kLimit);
}

// The expression in the pinned Netron's view.js; a format that fails it is reported to the user as an error.
TEST(NetronFormat, PassesNetronsCheck) {
  std::regex accepted(
      R"(^[a-zA-Z][a-zA-Z0-9-.]*( [a-zA-Z][a-zA-Z0-9-.]*)*( v\d+(\.\d+)*(b\d+)?([.+-][a-zA-Z0-9]+)?)?$)");
  for (const Format* format : Formats()) {
    EXPECT_TRUE(std::regex_match(NetronFormat(format->name), accepted)) << format->name;
  }
  EXPECT_TRUE(std::regex_match(NetronFormat("something new (2)"), accepted));
  EXPECT_EQ(NetronFormat("torch-zip"), "PyTorch v1.6");
}

}  // namespace
}  // namespace pthview::server
