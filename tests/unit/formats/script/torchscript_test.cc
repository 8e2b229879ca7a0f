#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;
using testing::HasSubstr;

code::Code Script(std::string_view module, std::string_view name, const code::Pairs& attributes) {
  return code::Build(code::NewObject(code::Global(module, name)), code::Named(attributes));
}

code::Code Root() {
  auto tagged = code::Reduce(code::Global("torch.jit._pickle", "restore_type_tag"),
                             {code::List({code::Text("a"), code::Text("b")}), code::Text("List[str]")});
  auto layer = Script("__torch__.net", "Layer",
                      {{"training", code::Bool(false)},
                       {"weight", code::Row("FloatStorage", "0", 2)},
                       {"seen", code::Row("FloatStorage", "0", 1)},
                       {"kept", code::Row("FloatStorage", "0", 1)},
                       {"names", tagged}});
  return Script("__torch__", "Net", {{"layer", layer}});
}

constexpr std::string_view kSource =
    "class Layer(Module):\n  __parameters__ = [\"weight\", ]\n  __buffers__ = [\"seen\", ]\n"
    "  size : Final[int] = 3\n";

using Records = std::vector<std::pair<std::string, std::string>>;

std::string Archive(const Records& more = {}) {
  ZipBuilder zip;
  zip.Add({.name = "net/data.pkl", .data = code::Pickle(Root()), .torch = true});
  zip.Add({.name = "net/data/0", .data = code::Little(1.0F) + code::Little(2.0F), .torch = true});
  zip.Add({.name = "net/constants/0", .data = code::Little(5.0F), .torch = true});
  zip.Add({.name = "net/constants.pkl", .data = code::Pickle(code::Tuple({code::Row("FloatStorage", "0", 1)}))});
  zip.Add({.name = "net/code/__torch__/net.py", .data = std::string(kSource), .deflate = true});
  zip.Add({.name = "net/version", .data = "3\n"});
  for (const auto& [name, data] : more) zip.Add({.name = "net/" + name, .data = data});
  return zip.Finish();
}

TEST(TorchScript, ClassesTellParametersFromBuffers) {
  auto model = OpenBytes(Archive());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torchscript");
  EXPECT_EQ(model->format_text, "TorchScript archive, version 3");
  EXPECT_EQ(Describe(*model, "layer.weight"), "float32[2] 1.0 2.0");
  EXPECT_EQ(FindTensor(*model, "layer.weight")->kind, TensorKind::kParameter);
  EXPECT_EQ(FindTensor(*model, "layer.seen")->kind, TensorKind::kBuffer);
  EXPECT_EQ(FindTensor(*model, "layer.kept")->kind, TensorKind::kConstant);
  EXPECT_FALSE(FindTensor(*model, "layer.kept")->persistent);
  EXPECT_EQ(FindTensor(*model, "layer.weight")->storage, FindTensor(*model, "layer.seen")->storage);
  EXPECT_TRUE(model->findings.empty());
}

TEST(TorchScript, ModulesCarrySourceAndAttributes) {
  auto model = OpenBytes(Archive());
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->modules.size(), 2u);
  const Module& layer = model->modules[1];
  EXPECT_EQ(layer.path, "layer");
  EXPECT_EQ(layer.class_name, "__torch__.net.Layer");
  EXPECT_EQ(layer.training, false);
  EXPECT_THAT(std::string(layer.source), HasSubstr("class Layer(Module):"));
  ASSERT_EQ(layer.attributes.size(), 2u);
  EXPECT_EQ(layer.attributes[0].name + "=" + layer.attributes[0].text, "names=['a', 'b']");
  EXPECT_EQ(layer.attributes[1].name + "=" + layer.attributes[1].text, "size=3");
  EXPECT_EQ(model->modules[0].source, "");  // the archive has no code/__torch__.py
}

TEST(TorchScript, ConstantsHaveRecordsOfTheirOwn) {
  auto model = OpenBytes(Archive());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "constants[0]"), "float32[1] 5.0");
  EXPECT_EQ(FindTensor(*model, "constants[0]")->kind, TensorKind::kConstant);
  EXPECT_EQ(model->parts.size(), 1u);
}

TEST(TorchScript, ListsOperatorsOfTheBytecode) {
  auto op = [](std::string_view name, std::string_view overload) {
    return code::Tuple({code::Text(name), code::Text(overload), code::Int(1)});
  };
  auto operators =
      code::Tuple({code::Text("operators"), code::Tuple({op("aten::add", "Tensor"), op("aten::relu", "")})});
  auto function = code::Tuple({code::Text("__torch__.Net.forward"), code::Tuple({operators})});
  auto model = OpenBytes(Archive({{"bytecode.pkl", code::Pickle(code::Tuple({code::Int(8), function, function}))}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format_text, "TorchScript archive for the lite interpreter, bytecode version 8, version 3");
  EXPECT_EQ(PlainText(*model), "operators[0]=aten::add.Tensor\noperators[1]=aten::relu\n");
}

// Lists are looked into once each; an empty one has no place of its own in memory to tell it by.
TEST(TorchScript, AnEmptyListOfOperatorsHidesNoOther) {
  auto function = [](const code::Codes& operators) {
    return code::Tuple({code::Text("f"), code::Tuple({code::Tuple({code::Text("operators"), code::List(operators)})})});
  };
  auto op = code::Tuple({code::Text("aten::add"), code::Text("Tensor")});
  auto bytecode = code::Tuple({code::Int(8), function({}), function({op}), function({})});
  auto model = OpenBytes(Archive({{"bytecode.pkl", code::Pickle(bytecode)}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(PlainText(*model), "operators[0]=aten::add.Tensor\n");
}

TEST(TorchScript, ExtraFilesAndFurtherPicklesAreListed) {
  auto inputs = code::Pickle(code::Named({{"x", code::Row("FloatStorage", "0", 3)}}));
  auto model = OpenBytes(Archive({{"extra/note.txt", "hello"},
                                  {"extra/a b", std::string("\0\1", 2)},
                                  {"traced_inputs.pkl", inputs},
                                  {"traced_inputs/0", ""}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(PlainText(*model), "extra.note.txt=hello\nextra[\"a b\"]=2 bytes\n");
  EXPECT_EQ(Parts(*model), ":model traced_inputs:other");
  EXPECT_EQ(Describe(*model, "traced_inputs.x"), "float32[3] missing");
  EXPECT_TRUE(Noted(*model, "storage-empty"));
}

TEST(TorchScript, BrokenNeighboursDoNotHideTheModule) {
  auto model = OpenBytes(Archive({{"bytecode.pkl", "\x80\x02"}, {"traced_inputs.pkl", "?"}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "layer.weight"), "float32[2] 1.0 2.0");
  EXPECT_TRUE(Noted(*model, "script-record"));
}

TEST(TorchScript, ATorchSaveFileOfScriptClassesStaysOne) {
  ZipBuilder zip;
  zip.Add({.name = "net/data.pkl", .data = code::Pickle(Root())});
  zip.Add({.name = "net/data/0", .data = code::Little(1.0F) + code::Little(2.0F)});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torch-zip");
  EXPECT_EQ(Describe(*model, "layer.weight"), "float32[2] 1.0 2.0");
}

std::string WithSource(const ZipEntry& source) {
  ZipBuilder zip;
  zip.Add({.name = "net/data.pkl", .data = code::Pickle(Root()), .torch = true});
  zip.Add({.name = "net/constants.pkl", .data = code::Pickle(code::Tuple({}))});
  zip.Add(source);
  return zip.Finish();
}

TEST(TorchScript, SourcesMayBeAsLargeAsTheFileExplains) {
  const std::string text = std::string(kSource) + "#" + std::string(40 << 20, 'x');
  auto model = OpenBytes(WithSource({.name = "net/code/__torch__/net.py", .data = text}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(TextOf(*model, "script-source"), "");
  EXPECT_EQ(FindTensor(*model, "layer.weight")->kind, TensorKind::kParameter);

  const std::string small = WithSource({.name = "net/code/__torch__/net.py", .data = text, .deflate = true});
  model = OpenBytes(small);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(TextOf(*model, "script-source"), HasSubstr(std::to_string(small.size() * 8 + (32 << 20)) + " bytes"));
}

TEST(TorchScript, FurtherPicklesThatAreLeftOutAreTold) {
  Records more;
  for (int i = 0; i < 17; ++i) more.emplace_back("more" + std::to_string(i) + ".pkl", code::Pickle(code::Int(i)));
  auto model = OpenBytes(Archive(more));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(TextOf(*model, "further-pickles"), "only 16 further pickles are listed");
}

}  // namespace
}  // namespace pthview
