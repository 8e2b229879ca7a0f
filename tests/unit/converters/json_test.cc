#include <filesystem>
#include <fstream>
#include <regex>
#include <utility>

#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"
#include "tests/unit/converters/converter_fixture.h"

namespace pthview::testing {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

class JsonTest : public ConverterTest {
 protected:
  std::string Written(ConvertOptions options = {}) {
    auto report = Convert("json", std::move(options));
    EXPECT_TRUE(report) << ToString(report.error());
    if (report) report_ = *report;
    return ReadText(folder_ / "out");
  }

  // A model with a bit of everything, in all tables.
  void AddEverything() {
    AddFloats("block.fc.weight", {4, 4});
    Index view = AddFloats("view", {2, 3});
    fixture_.Restride(view, {3, 2}, {1, 3});
    model().tensors.push_back(model().tensors[0]);
    Rename(2, "tied");
    model().tensors[2].same_as = 0;
    fixture_.Add("gone", {5}, DType::kBFloat16);
    model().tensors[fixture_.Add("meta", {5})].data = DataState::kMeta;
    Index quantized = fixture_.AddValues<int8_t>({2, 2}, DType::kQInt8, {1, -2, 3, -4});
    model().component_rows = {{"scales", fixture_.AddComponent<double>(DType::kFloat64, {0.5, 0.25})},
                              {"zero_points", fixture_.AddComponent<int64_t>(DType::kInt64, {0, 1})}};
    model().quantizations = {{.per_channel = true, .scales = 0, .zero_points = 1}};
    model().tensors[quantized].quantization = 0;
    model().tensors[quantized].first_component = 0;
    model().tensors[quantized].component_count = 2;
    model().tensors[quantized].requires_grad = false;
    fixture_.AddPlain("name \"quoted\" \\\\ \xE2\x82\xAC", "</script>\n");
    model().findings.push_back({Severity::kWarning, "odd", "block", "a finding"});
    // What ModelBuilder says of such a tensor, and says again when the document is read.
    model().findings.push_back({Severity::kError, "tensor-missing", "gone", "as it was said first"});
    // A graph with a block inside a node, and an edge with evidence.
    Graph outer{.name = "outer", .origin = Origin::kInferred, .values = {{.name = "x"}, {.name = "y"}}};
    outer.inputs = {0};
    outer.nodes.push_back({.name = "if", .op = "If", .inputs = {{"input", {0}, 0}}, .outputs = {{"output", {1}}}});
    outer.nodes[0].blocks = {1};
    outer.evidence = {{EvidenceKind::kShapes, "4 -> 4"}};
    model().graphs = {outer, {.name = "then"}};
    model().graph_roots = {0};
  }

  Model Opened(const std::string& path) {
    auto opened = OpenModel(path);
    EXPECT_TRUE(opened) << ToString(opened.error());
    return opened ? std::move(*opened) : Model();
  }

  // The document with one place of it changed, opened.
  Result<Model> OpenChanged(std::string text, const std::string& from, const std::string& to) {
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    WriteText(folder_ / "changed.json", text);
    return OpenModel(folder_ / "changed.json");
  }

  static std::string WithoutProvenance(const std::string& text) {
    return std::regex_replace(text, std::regex("\n  \"(file|format|format_text)\": [^\n]*"), "");
  }

  ConvertReport report_;
};

TEST_F(JsonTest, ReadsBackToTheSameDocument) {
  AddEverything();
  for (const char* data : {"base64", "file"}) {
    std::string first = Written({.force = true, .data = data});
    EXPECT_THAT(first, HasSubstr("\"pthview.model/1\""));
    Model again = Opened(folder_ / "out");
    EXPECT_EQ(again.format, "pthview-json");
    ASSERT_EQ(again.tensors.size(), model().tensors.size());
    for (size_t i = 0; i < again.tensors.size(); ++i) {
      const Tensor& before = model().tensors[i];
      EXPECT_EQ(again.tensors[i].data, before.data) << before.name;
      if (before.data == DataState::kPresent) {
        EXPECT_EQ(*HashTensor(again, again.tensors[i]), *HashTensor(model(), before)) << before.name;
      }
    }
    EXPECT_EQ(again.tensors[0].storage, again.tensors[2].storage);
    EXPECT_EQ(again.graphs.size(), model().graphs.size());
    if (!again.graphs.empty() && !again.graphs[0].evidence.empty()) {
      EXPECT_EQ(again.graphs[0].nodes[0].inputs[0].evidence, 0U);
      EXPECT_EQ(again.graphs[0].evidence[0].kind, EvidenceKind::kShapes);
      EXPECT_EQ(again.graphs[0].evidence[0].text, "4 -> 4");
    }
    std::filesystem::create_directory(folder_ / "sub");
    ConvertOptions options{.output = folder_ / "sub/out", .force = true, .data = data};
    ASSERT_TRUE(FindConverter("json")->write(again, All(), options));
    EXPECT_EQ(WithoutProvenance(ReadText(folder_ / "sub/out")), WithoutProvenance(first)) << data;
  }
}

TEST_F(JsonTest, WritesTheSourceOfAClassOnce) {
  AddFloats("weight", {1});
  std::string_view text = "class Net(Module): pass";
  std::string_view other = "class Other: pass";
  for (std::string_view source : {text, other, text, std::string_view()}) model().modules.push_back({.source = source});
  std::string document = Written();
  EXPECT_EQ(document.find(text), document.rfind(text));
  EXPECT_THAT(document, HasSubstr("\"source_of\":0"));
  Model again = Opened(folder_ / "out");
  ASSERT_GE(again.modules.size(), 4u);
  EXPECT_EQ(again.modules[1].source, other);
  EXPECT_EQ(again.modules[2].source, text);
  EXPECT_EQ(again.modules[3].source, "");
  auto later = OpenChanged(document, "\"source_of\":0", "\"source_of\":3");
  ASSERT_FALSE(later);
  EXPECT_THAT(later.error().message, HasSubstr("source_of"));
}

// A recorded graph with every kind of attribute and type.
void AddTypedGraph(Model& model) {
  Graph graph{.name = "forward", .part = 0};
  ValueType tensor{.kind = TypeKind::kTensor, .dtype = DType::kFloat32, .device = "cuda:0"};
  tensor.dims = {{Dim{2, ""}, Dim{-1, "s0 + 1"}, Dim{}}};
  graph.values = {
      {.name = "x", .type = TypeText(tensor), .value_type = tensor}, {.name = "y"}, {.name = "w", .tensor = 0}};
  graph.values[1].value_type = {
      .kind = TypeKind::kDict,
      .items = {{.kind = TypeKind::kString}, {.kind = TypeKind::kClass, .name = "__torch__.A"}}};
  graph.inputs = {0};
  graph.outputs = {1};
  Node node{.name = "n", .domain = "aten", .op = "f", .location = "a.py:3", .source = "y = f(x)", .call = 2};
  node.inputs = {{.name = "self", .values = {0, 2}, .position = 0}};
  node.outputs = {{.name = "", .values = {1}}};
  node.blocks = {static_cast<Index>(model.graphs.size() + 1)};
  const std::vector<AttributeValue> values = {{NoneValue{}},
                                              {true},
                                              {int64_t{-9007199254740993}},
                                              {0.1},
                                              {std::numeric_limits<double>::infinity()},
                                              {std::complex<double>(1, -2)},
                                              {std::string("zeros")},
                                              {DType::kBFloat16},
                                              {DeviceValue{"cuda:1"}},
                                              {LayoutValue{"strided"}},
                                              {MemoryFormatValue{"channels_last"}},
                                              {TensorValue{0}},
                                              {TensorValue{}},
                                              {GraphReference{node.blocks[0]}},
                                              {ListValue{{{int64_t{1}}, {ValueReference{0}}}, false}},
                                              {ListValue{{}, true}},
                                              {DictValue{{{std::string("k")}, {ListValue{{{1.5}}, false}}}}}};
  for (size_t i = 0; i < values.size(); ++i) {
    node.attributes.push_back(TypedAttribute("a" + std::to_string(i), values[i], static_cast<Index>(i + 1)));
  }
  graph.nodes = {node};
  graph.symbols = {{"s0", 2, std::nullopt}, {"u0", std::nullopt, INT64_MAX}};
  graph.mutations = {{1, 0, kNone}, {1, kNone, 0}};
  model.graph_roots.push_back(static_cast<Index>(model.graphs.size()));
  model.graphs.push_back(graph);
  model.graphs.push_back({.name = "body", .part = 0});
}

TEST_F(JsonTest, TypedAttributesAndTypesReadBack) {
  AddFloats("weight", {2});
  AddTypedGraph(model());
  std::string first = Written();
  Model again = Opened(folder_ / "out");
  ASSERT_EQ(again.graphs.size(), 2U);
  const Graph& was = model().graphs[0];
  const Graph& is = again.graphs[0];
  for (size_t i = 0; i < was.nodes[0].attributes.size(); ++i) {
    EXPECT_EQ(is.nodes[0].attributes[i].value, was.nodes[0].attributes[i].value) << i;
    EXPECT_EQ(is.nodes[0].attributes[i].text, was.nodes[0].attributes[i].text);
    EXPECT_EQ(is.nodes[0].attributes[i].position, i + 1);
  }
  EXPECT_EQ(is.values[0].value_type, was.values[0].value_type);
  EXPECT_EQ(is.values[1].value_type, was.values[1].value_type);
  EXPECT_EQ(is.nodes[0].source, "y = f(x)");
  EXPECT_EQ(is.nodes[0].call, 2U);
  EXPECT_EQ(is.nodes[0].inputs[0].position, 0U);
  EXPECT_EQ(is.symbols[0].low, 2);
  EXPECT_EQ(is.symbols[1].high, INT64_MAX);
  EXPECT_EQ(is.mutations[0].tensor, 0U);
  EXPECT_EQ(is.mutations[1].input, 0U);
  for (const auto& [from, to] : {std::pair{"\"kind\":\"int\"", "\"kind\":\"integer\""},
                                 {"\"kind\":\"dict\"", "\"kind\":\"dictionary\""},
                                 {"\"value\":\"bfloat16\"", "\"value\":\"float15\""},
                                 {"\"dims\":[2", "\"dims\":[-2"},
                                 {"\"blocks\":[1]", "\"blocks\":[0]"},
                                 {"\"inputs\":[0]", "\"inputs\":[0,0]"}}) {
    auto changed = OpenChanged(first, from, to);
    ASSERT_FALSE(changed) << from;
    EXPECT_EQ(changed.error().code, ErrorCode::kCorrupt);
  }
}

TEST_F(JsonTest, Base64OfEveryLength) {
  for (size_t length : {1, 2, 3, 4, 5, 1 << 20}) {
    std::vector<uint8_t> values(length);
    for (size_t i = 0; i < length; ++i) values[i] = static_cast<uint8_t>(i * 37 + i / 256);
    fixture_.AddValues({static_cast<int64_t>(length)}, DType::kUint8, values);
  }
  Written({.data = "base64"});
  Model again = Opened(folder_ / "out");
  for (size_t i = 0; i < again.tensors.size(); ++i) {
    EXPECT_EQ(*HashTensor(again, again.tensors[i]), *HashTensor(model(), model().tensors[i]));
    // From the middle of a group of four digits.
    int64_t last = again.tensors[i].numel - 1;
    EXPECT_EQ(*ReadElements(again, again.tensors[i], last, 1), *ReadElements(model(), model().tensors[i], last, 1));
  }
}

TEST_F(JsonTest, WithoutDataItRefersToTheFile) {
  AddFloats("fc.weight", {4, 4});
  MoveToFile(folder_ / "model.pth", 24);
  std::string text = Written();
  EXPECT_THAT(text, HasSubstr("{\"name\":\"model.pth\",\"nbytes\":88}"));
  Model again = Opened(folder_ / "out");
  EXPECT_EQ(*HashTensor(again, again.tensors[0]), *HashTensor(model(), model().tensors[0]));
  std::filesystem::resize_file(folder_ / "model.pth", 87);
  again = Opened(folder_ / "out");
  EXPECT_EQ(again.tensors[0].data, DataState::kMissing);
  EXPECT_THAT(again.findings, Contains(Field(&Finding::code, "data-file")));
}

TEST_F(JsonTest, BytesInMemoryAreSaidToBeMissing) {
  AddFloats("fc.weight", {4, 4});
  Written();
  EXPECT_THAT(report_.notes, Contains(HasSubstr("--data base64")));
  Model again = Opened(folder_ / "out");
  EXPECT_EQ(again.tensors[0].data, DataState::kMissing);
  EXPECT_THAT(again.findings, Contains(Field(&Finding::code, "data-not-taken-along")));
}

TEST_F(JsonTest, ASelectionTakesOnlyWhatItNeeds) {
  AddEverything();
  selected_ = {5};
  Written({.data = "base64"});
  Model again = Opened(folder_ / "out");
  ASSERT_EQ(again.tensors.size(), 1U);
  EXPECT_EQ(again.storages.size(), 3U);
  EXPECT_EQ(again.components.size(), 2U);
  EXPECT_EQ(*HashTensor(again, again.tensors[0]), *HashTensor(model(), model().tensors[5]));
}

TEST_F(JsonTest, WrongOptionsLeaveNothingBehind) {
  AddFloats("fc.weight", {2, 2});
  EXPECT_EQ(Convert("json", {.data = "some"}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(Convert("json", {.output = "-", .data = "file"}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(folder_.Entries(), 0U);
}

TEST_F(JsonTest, HostileDocumentsAreErrors) {
  AddEverything();
  std::string text = Written({.data = "base64"});
  struct Change {
    const char* from;
    const char* to;
  };
  const Change changes[] = {
      {"pthview.model/1", "pthview.model/2"},
      {"\"storage\":0", "\"storage\":4000000000"},
      {"\"storage\":0", "\"storage\":-1"},
      {"\"storage\":0", "\"storage\":\"0\""},
      {"\"same_as\":0", "\"same_as\":2"},
      {"\"dtype\":\"float32\"", "\"dtype\":\"float31\""},
      {"\"shape\":[4,4]", "\"shape\":[4,99999999999999999999]"},
      {"\"shape\":[4,4]", "\"shape\":[4,1.5]"},
      {"\"shape\":[4,4]", "\"shape\":{}"},
      {"\"axis\":0", "\"axis\":2"},
      {"\"axis\":0", "\"axis\":-1"},
      {"\"scales\":0", "\"scales\":2"},
      {"\"name\":\"zero_points\",\"tensor\":1", "\"name\":\"zero_points\",\"tensor\":0"},
      {"\"name\":\"zero_points\",\"tensor\":1", "\"name\":\"zero_points\",\"tensor\":2"},
      {"\"base64\":\"", "\"base64\":\"AAAA"},
      {"\"base64\":\"", "\"base64\":\"A"},
      {"\"base64\":\"", "\"base64\":7,\"x\":\""},
      {"\"base64\":\"", "\"base6\\u0034\":\"0\",\"x\":\""},
      {"\"parent\":0", "\"parent\":1"},
      {"\"children\":[1", "\"children\":[0"},
      {"\"children\":[1", "\"children\":[77"},
      {"\"children\":[1", "\"children\":[1,1"},
      {"\"root\":0", "\"root\":1"},
      {"\"root\":0", "\"root\":99"},
      {"\"blocks\":[1]", "\"blocks\":[0]"},
      {"\"blocks\":[1]", "\"blocks\":[1,1]"},
      {"\"blocks\":[1]", "\"blocks\":[9]"},
      {"\"graph_roots\": [0", "\"graph_roots\": [0,0"},
      {"\"graph_roots\": [0", "\"graph_roots\": [5"},
      {"\"evidence\":0", "\"evidence\":1"},
      {"\"kind\":\"shapes\"", "\"kind\":\"order\""},
      {"\"outputs\":[{\"name\":\"output\",\"values\":[", "\"outputs\":[{\"name\":\"output\",\"values\":[0,"},
      {"\"severity\":\"warning\"", "\"severity\":\"loud\""},
      {"\"kind\":\"state\"", "\"kind\":[]"},
      {"\"tensors\": [", "\"tensors\": [7,"},
      {"\"tensors\": [", "\"tensors\": [,"},
      {"\"tensors\": [", "\"tensors\": []],["},
      {"\"tensors\": [", "\"modules\": ["},
      {"\"producer\":", "\"producer\" "},
      {"\"graph_roots\"", "graph_roots"},
  };
  for (const Change& change : changes) {
    auto opened = OpenChanged(text, change.from, change.to);
    EXPECT_FALSE(opened) << change.from << " -> " << change.to;
  }
  for (size_t length = 40; length + 2 < text.size(); length += 7) {
    WriteText(folder_ / "cut.json", text.substr(0, length));
    ASSERT_FALSE(OpenModel(folder_ / "cut.json")) << length;
  }
  auto trailing = OpenChanged(text, "\n}\n", "\n}\n{}");
  EXPECT_FALSE(trailing);
  auto deep = OpenChanged(text, "\"tensors\": [", "\"x\": " + std::string(100000, '[') + ", \"tensors\": [");
  EXPECT_FALSE(deep);
}

TEST_F(JsonTest, WhatTheBuilderRefusesIsAFindingNotAnError) {
  AddFloats("fc.weight", {4, 4});
  std::string text = Written({.data = "base64"});
  auto opened = OpenChanged(text, "\"strides\":[4,1]", "\"strides\":[4,100]");
  ASSERT_TRUE(opened) << ToString(opened.error());
  EXPECT_EQ(opened->tensors[0].data, DataState::kOutOfBounds);
  EXPECT_THAT(opened->findings, Contains(Field(&Finding::code, "tensor-outside")));
  // Digits that are none are found when they are read.
  opened = OpenChanged(text, "\"base64\":\"AAAA", "\"base64\":\"A!AA");
  ASSERT_TRUE(opened) << ToString(opened.error());
  auto hash = HashTensor(*opened, opened->tensors[0]);
  ASSERT_FALSE(hash);
  EXPECT_EQ(hash.error().code, ErrorCode::kCorrupt);
}

TEST_F(JsonTest, MembersInAnotherOrderReadTheSame) {
  AddEverything();
  std::string text = Written({.data = "base64"});
  // Moves the storages behind everything that refers to them.
  size_t begin = text.find("  \"storages\": [");
  size_t end = text.find("  \"quantizations\": [");
  std::string storages = text.substr(begin, end - begin);
  text.erase(begin, end - begin);
  text.insert(1, "\n");
  size_t last = text.rfind("\n}\n");
  text.insert(last, ",\n" + storages.substr(0, storages.rfind(',')));
  WriteText(folder_ / "moved.json", text);
  Model again = Opened(folder_ / "moved.json");
  EXPECT_EQ(*HashTensor(again, again.tensors[0]), *HashTensor(model(), model().tensors[0]));
}

}  // namespace
}  // namespace pthview::testing
