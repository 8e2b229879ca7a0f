#include <filesystem>
#include <map>

#include "pthview_onnx.pb.h"
#include "tests/unit/converters/converter_fixture.h"

namespace pthview::testing {
namespace {

using pthview_onnx::ModelProto;
using pthview_onnx::TensorProto;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string FloatBytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

template <typename Entries>
std::map<std::string, std::string> MapOf(const Entries& entries) {
  std::map<std::string, std::string> map;
  for (const auto& entry : entries) map[entry.key()] = entry.value();
  return map;
}

class OnnxTest : public ConverterTest {
 protected:
  ModelProto Written(ConvertOptions options = {}) {
    auto report = Convert("onnx", std::move(options));
    EXPECT_TRUE(report) << ToString(report.error());
    if (report) report_ = *report;
    ModelProto proto;
    EXPECT_TRUE(proto.ParseFromString(ReadText(folder_ / "out")));
    return proto;
  }

  ErrorCode CodeOf(ConvertOptions options) {
    auto report = Convert("onnx", std::move(options));
    EXPECT_FALSE(report);
    return report ? ErrorCode::kInternal : report.error().code;
  }

  // The bytes that an external initializer points to.
  std::string ExternalBytes(const TensorProto& tensor) {
    EXPECT_EQ(tensor.data_location(), TensorProto::EXTERNAL);
    EXPECT_FALSE(tensor.has_raw_data());
    auto place = MapOf(tensor.external_data());
    return ReadText(folder_ / place["location"]).substr(std::stoull(place["offset"]), std::stoull(place["length"]));
  }

  ConvertReport report_;
};

TEST_F(OnnxTest, InlineWeightsAreTheTensorsBytes) {
  AddFloats("conv.weight", {4, 3, 2, 2});
  AddFloats("conv.bias", {4});
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().initializer_size(), 2);
  const TensorProto& weight = proto.graph().initializer(0);
  EXPECT_EQ(weight.name(), "conv.weight");
  EXPECT_EQ(weight.data_type(), TensorProto::FLOAT);
  EXPECT_THAT(weight.dims(), ElementsAre(4, 3, 2, 2));
  EXPECT_EQ(weight.raw_data(), FloatBytes(Ramp(48)));
  EXPECT_EQ(report_.outputs, std::vector<std::string>{folder_ / "out"});
  EXPECT_EQ(report_.bytes, std::filesystem::file_size(folder_ / "out"));
}

TEST_F(OnnxTest, LayersAreNodesAndOnlyEvidenceJoinsThem) {
  AddFloats("block.fc1.weight", {8, 4});
  AddFloats("block.fc1.bias", {8});
  AddFloats("block.fc2.weight", {2, 8});
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().node_size(), 3);
  const auto& first = proto.graph().node(0);
  const auto& second = proto.graph().node(1);
  EXPECT_EQ(first.name(), "block.fc1");
  EXPECT_EQ(first.op_type(), "Gemm");
  EXPECT_EQ(first.domain(), "");
  EXPECT_THAT(first.input(), ElementsAre("input", "block.fc1.weight", "block.fc1.bias"));
  EXPECT_THAT(second.input(), ElementsAre(first.output(0), "block.fc2.weight"));
  auto metadata = MapOf(first.metadata_props());
  EXPECT_THAT(metadata["pthview.evidence"], HasSubstr("pattern (a module around one other)"));
  EXPECT_EQ(metadata["pkg.torch.onnx.name_scopes"], "['', 'block', 'block.fc1', 'block.fc1']");
  EXPECT_EQ(metadata["pkg.torch.onnx.class_hierarchy"], "['', '', 'Linear', 'Gemm']");
  EXPECT_EQ(first.attribute(0).name(), "transB");
  EXPECT_EQ(proto.opset_import(0).version(), 21);
  EXPECT_EQ(proto.opset_import(1).domain(), "pthview");
}

// Else a runtime would take it for a model that runs, with strides that nobody knows.
TEST_F(OnnxTest, WhereAllIsOnnxsOwnANodeKeepsItFromRunning) {
  AddFloats("a.weight", {4, 3, 2, 2});
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().node_size(), 2);
  EXPECT_EQ(proto.graph().node(0).op_type(), "Conv");
  EXPECT_EQ(proto.graph().node(1).domain(), "pthview");
  AddFloats("block.other", {7});
  model().graphs.clear();
  model().graph_roots.clear();
  model().modules.clear();
  model().parts[0].root = kNone;
  proto = Written({.force = true});
  ASSERT_EQ(proto.graph().node_size(), 2);
  EXPECT_EQ(proto.graph().node(1).name(), "block");
}

TEST_F(OnnxTest, WhatTheFileDoesNotTellIsLeftOutAndListed) {
  AddFloats("a.weight", {4, 3, 2, 2});
  const auto node = Written().graph().node(0);
  ASSERT_EQ(node.attribute_size(), 1);
  EXPECT_EQ(node.attribute(0).name(), "kernel_shape");
  EXPECT_THAT(node.attribute(0).ints(), ElementsAre(2, 2));
  EXPECT_EQ(MapOf(node.metadata_props())["pthview.unknown"], "strides, pads, dilations, group");
}

TEST_F(OnnxTest, WhatNothingIsKnownToFeedHasAnInputOfItsOwn) {
  AddFloats("a.weight", {4, 3, 2, 2});
  AddFloats("b.weight", {9, 5});
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().input_size(), 2);
  EXPECT_THAT(proto.graph().node(0).input(), ElementsAre("a.input", "a.weight"));
  EXPECT_THAT(proto.graph().node(1).input(), ElementsAre("b.input", "b.weight"));
  EXPECT_EQ(proto.graph().input(0).type().tensor_type().shape().dim_size(), 4);
  EXPECT_EQ(proto.graph().input(1).type().tensor_type().shape().dim(1).dim_value(), 5);
}

TEST_F(OnnxTest, AnOlderOpsetHasFewerOperators) {
  AddFloats("norm.weight", {4});
  EXPECT_EQ(Written().graph().node(0).op_type(), "RMSNormalization");
  ModelProto proto = Written({.force = true, .opset = 22});
  EXPECT_EQ(proto.graph().node(0).op_type(), "RMSNorm");
  EXPECT_EQ(proto.graph().node(0).domain(), "pthview");
  EXPECT_EQ(proto.opset_import(0).version(), 22);
}

TEST_F(OnnxTest, TheOpsetIsTheOldestThatHasAllOperators) {
  AddFloats("norm.weight", {4});
  ModelProto proto = Written();
  EXPECT_EQ(proto.opset_import(0).version(), 23);
  EXPECT_EQ(proto.ir_version(), 11);
}

TEST_F(OnnxTest, TiedTensorsAreOneInitializer) {
  Index table = AddFloats("embed.weight", {5, 3});
  model().tensors.push_back(model().tensors[table]);
  Rename(1, "head.weight");
  model().tensors[0].tied = model().tensors[1].tied = 0;
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().initializer_size(), 1);
  EXPECT_EQ(MapOf(proto.graph().initializer(0).metadata_props())["pthview.also"], "head.weight");
  for (const auto& node : proto.graph().node()) {
    if (node.domain().empty()) EXPECT_THAT(node.input(), Contains("embed.weight"));
  }
  EXPECT_THAT(report_.notes, Contains(HasSubstr("tied")));
  // The first of them that is selected.
  selected_ = {1};
  proto = Written({.force = true});
  ASSERT_EQ(proto.graph().initializer_size(), 1);
  EXPECT_EQ(proto.graph().initializer(0).name(), "head.weight");
}

TEST_F(OnnxTest, NamesNeverCollide) {
  AddFloats("input", {2});
  AddFloats("output", {2});
  AddFloats("fc.weight", {2, 2});
  AddFloats("fc.weight", {2, 2});
  model().tensors.back().path = "other[\"fc.weight\"]";
  ModelProto proto = Written();
  std::vector<std::string> names;
  for (const auto& tensor : proto.graph().initializer()) names.push_back(tensor.name());
  EXPECT_THAT(names, ElementsAre("input", "output", "fc.weight", "other[\"fc.weight\"]"));
}

TEST_F(OnnxTest, ExternalWeightsAreAlignedAndStoredOnce) {
  AddFloats("a.weight", {3, 1});
  AddFloats("b.weight", {5, 3});
  model().tensors.push_back(model().tensors[0]);  // tied
  Rename(2, "c.weight");
  ModelProto proto = Written({.weights = "external"});
  for (const TensorProto& tensor : proto.graph().initializer()) {
    EXPECT_EQ(std::stoull(MapOf(tensor.external_data())["offset"]) % 64, 0U);
  }
  EXPECT_EQ(ExternalBytes(proto.graph().initializer(0)), FloatBytes(Ramp(3)));
  EXPECT_EQ(ExternalBytes(proto.graph().initializer(1)), FloatBytes(Ramp(15)));
  EXPECT_EQ(ExternalBytes(proto.graph().initializer(2)), FloatBytes(Ramp(3)));
  EXPECT_EQ(std::filesystem::file_size(folder_ / "out.data"), 64 + 60U);
}

TEST_F(OnnxTest, InPlacePointsIntoTheFileAndMovesWhatIsStrided) {
  Index strided = AddFloats("t.weight", {2, 3});
  fixture_.Restride(strided, {3, 2}, {1, 3});
  AddFloats("fc.weight", {4, 4});
  std::filesystem::create_directory(folder_ / "models");
  MoveToFile(folder_ / "models/model.pth", 10);
  ModelProto proto = Written({.weights = "in-place"});
  auto place = MapOf(proto.graph().initializer(1).external_data());
  EXPECT_EQ(place["location"], "models/model.pth");
  EXPECT_EQ(place["offset"], "10");
  EXPECT_EQ(ExternalBytes(proto.graph().initializer(1)), FloatBytes(Ramp(16)));
  EXPECT_EQ(MapOf(proto.graph().initializer(0).external_data())["location"], "out.data");
  EXPECT_EQ(ExternalBytes(proto.graph().initializer(0)), FloatBytes({0.5, 3.5, 1.5, 4.5, 2.5, 5.5}));
  EXPECT_THAT(report_.notes, Contains(HasSubstr("1 of 2 tensors")));
}

TEST_F(OnnxTest, InPlaceWantsTheFilesFolder) {
  AddFloats("fc.weight", {4, 4});
  TemporaryFolder elsewhere;
  MoveToFile(elsewhere / "model.pth", 0);
  ConvertOptions options{.output = folder_ / "out", .weights = "in-place"};
  auto report = Convert("onnx", options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kUsage);
  EXPECT_THAT(report.error().hint, HasSubstr(elsewhere.path()));
  EXPECT_EQ(folder_.Entries(), 0U);
}

TEST_F(OnnxTest, TypesThatOnnxLacksAreWrittenAsCodesWithANote) {
  Index quantized = fixture_.AddValues<int8_t>({2}, DType::kQInt8, {-3, 4});
  Rename(quantized, "q");
  model().quantizations.push_back({.scale = 0.25, .zero_point = 7});
  model().tensors[quantized].quantization = 0;
  Rename(fixture_.AddValues<uint8_t>({3}, DType::kQUInt4x2, {0x21, 0x03}), "packed");
  Rename(fixture_.AddValues<uint32_t>({1}, DType::kComplex32, {0x3C003C00}), "complex");
  ModelProto proto = Written();
  const TensorProto& codes = proto.graph().initializer(0);
  EXPECT_EQ(codes.data_type(), TensorProto::INT8);
  EXPECT_EQ(codes.raw_data(), "\xFD\x04");
  auto metadata = MapOf(codes.metadata_props());
  EXPECT_EQ(metadata["pthview.dtype"], "qint8");
  EXPECT_EQ(metadata["pthview.scale"], "0.25");
  EXPECT_EQ(metadata["pthview.zero_point"], "7");
  EXPECT_EQ(proto.graph().initializer(1).raw_data(), std::string("\x01\x02\x03"));
  EXPECT_EQ(proto.graph().initializer(1).data_type(), TensorProto::UINT8);
  EXPECT_THAT(proto.graph().initializer(2).dims(), ElementsAre(1, 2));
  EXPECT_EQ(proto.graph().initializer(2).data_type(), TensorProto::FLOAT16);
  EXPECT_THAT(report_.notes, Contains(HasSubstr("qint8")));
  EXPECT_THAT(report_.notes, Contains(HasSubstr("quint4x2")));
  EXPECT_THAT(report_.notes, Contains(HasSubstr("complex32")));
}

TEST_F(OnnxTest, TensorsWithoutDataAreLeftOut) {
  AddFloats("fc.weight", {2, 2});
  fixture_.Add("gone.weight", {2, 2});
  model().tensors[fixture_.Add("meta.weight", {2, 2})].data = DataState::kMeta;
  // Four bytes of storage that claim to be a gigabyte.
  fixture_.Restride(AddFloats("expanded", {1}), {1 << 28}, {0});
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().initializer_size(), 1);
  EXPECT_THAT(report_.notes, Contains(HasSubstr("not in the file (gone.weight)")));
  EXPECT_THAT(report_.notes, Contains(HasSubstr("(meta.weight)")));
  EXPECT_THAT(report_.notes, Contains(HasSubstr("(expanded)")));
}

TEST_F(OnnxTest, ComponentsAreInitializersOfTheirOwn) {
  Index sparse = fixture_.Add("s.weight", {3});
  std::vector<Component> rows = {{"indices", fixture_.AddComponent<int64_t>(DType::kInt64, {2})},
                                 {"values", fixture_.AddComponent<float>(DType::kFloat32, {1.5})}};
  model().component_rows = rows;
  model().tensors[sparse].layout = Layout::kSparseCoo;
  model().tensors[sparse].first_component = 0;
  model().tensors[sparse].component_count = 2;
  model().tensors[sparse].data = DataState::kPresent;
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().initializer_size(), 2);
  EXPECT_EQ(proto.graph().initializer(0).name(), "s.weight.indices");
  EXPECT_EQ(proto.graph().initializer(1).name(), "s.weight.values");
  EXPECT_EQ(proto.graph().initializer(1).raw_data(), FloatBytes({1.5}));
  EXPECT_THAT(report_.notes, Contains(HasSubstr("sparse_coo")));
}

TEST_F(OnnxTest, OnlySelectedLayersAreDrawn) {
  AddFloats("a.weight", {2, 2});
  AddFloats("b.weight", {2, 2});
  AddFloats("c.weight", {2, 2});
  selected_ = {0, 2};
  ModelProto proto = Written();
  ASSERT_EQ(proto.graph().node_size(), 3);
  EXPECT_EQ(proto.graph().node(1).name(), "c");
  EXPECT_EQ(proto.graph().node(2).op_type(), "ForViewing");
}

TEST_F(OnnxTest, MetadataSaysWhatItIs) {
  AddFloats("fc.weight", {2, 2});
  fixture_.AddPlain("epoch", "12");
  model().plain.back().kind = PlainKind::kInt;
  fixture_.AddPlain("_metadata.fc.version", "1");
  model().plain.back().kind = PlainKind::kInt;
  fixture_.AddPlain("notes", std::string(5000, 'x'));
  model().plain.back().kind = PlainKind::kString;
  auto metadata = MapOf(Written().metadata_props());
  EXPECT_EQ(metadata["pthview.graph"], "inferred");
  EXPECT_THAT(metadata["pthview.runs"], StartsWith("no"));
  EXPECT_EQ(metadata.count("_metadata.fc.version"), 0U);
  EXPECT_EQ(metadata["pthview.source.format"], "made by hand");
  EXPECT_EQ(metadata["epoch"], "12");
  EXPECT_LT(metadata["notes"].size(), 1100U);
}

TEST_F(OnnxTest, WrongOptionsLeaveNothingBehind) {
  AddFloats("fc.weight", {2, 2});
  EXPECT_EQ(CodeOf({.graph = "recorded"}), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf({.graph = "drawn"}), ErrorCode::kUsage);
  EXPECT_EQ(CodeOf({.weights = "elsewhere"}), ErrorCode::kUsage);
  EXPECT_EQ(CodeOf({.opset = 1000}), ErrorCode::kUsage);
  EXPECT_EQ(CodeOf({.output = "-", .weights = "external"}), ErrorCode::kUsage);
  EXPECT_EQ(folder_.Entries(), 0U);
}

TEST_F(OnnxTest, AFileThatChangesIsAnErrorAndNoOutput) {
  for (const char* weights : {"inline", "external", "in-place"}) {
    for (bool shorter : {true, false}) {
      ConverterTest::model() = Model();
      model().parts.push_back({.kind = PartKind::kModel});
      AddFloats("fc.weight", {64, 64});
      MoveToFile(folder_ / "model.pth", 0);
      if (shorter) {
        std::filesystem::resize_file(folder_ / "model.pth", 100);
      } else {
        WriteText(folder_ / "model.pth", std::string(64 * 64 * 4 + 1, 'x'));
      }
      auto report = Convert("onnx", {.weights = weights});
      ASSERT_FALSE(report) << weights;
      EXPECT_EQ(report.error().code, ErrorCode::kChanged) << weights;
      EXPECT_EQ(folder_.Entries(), 1U);
    }
  }
}

}  // namespace
}  // namespace pthview::testing
