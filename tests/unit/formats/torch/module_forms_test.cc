#include "lib/formats/torch/module_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

using namespace assembler;  // NOLINT(google-build-using-namespace)

Code Weight() { return Row("FloatStorage", "f", 2); }

Model Open(const Code& root) {
  auto model = OpenBytes(LegacyFile(root, {Values<float>("f", {1, 2})}));
  EXPECT_TRUE(model.has_value()) << (model ? "" : model.error().message);
  return model ? std::move(*model) : Model();
}

std::string Names(const Model& model) {
  std::string text;
  for (const Tensor& tensor : model.tensors) text += (text.empty() ? "" : " ") + std::string(tensor.name);
  return text;
}

Code ModuleDict() {
  return Named({{"training", Bool(true)},
                {"_parameters", Named({{"scale", Weight()}})},
                {"_buffers", Named({{"mean", Weight()}})},
                {"_modules", Named({})},
                {"_code", Text("def forward(self, x): return x")}});
}

TEST(ModuleForms, GraphModulesAreModulesWhicheverFunctionMakesThem) {
  for (auto [module, function] : {std::pair{"torch.fx.graph_module", "reduce_graph_module"},
                                  {"torch.fx.graph_module", "reduce_package_graph_module"},
                                  {"torch.fx._lazy_graph_module", "_deserialize_lazy"},
                                  {"torch.distributed.pipelining._IR", "_direct_serialization_deserialize"}}) {
    Model model = Open(Reduce(Global(module, function), {Text("importer"), ModuleDict(), Text("import torch")}));
    EXPECT_EQ(Names(model), "scale mean") << function;
    EXPECT_EQ(Parts(model), ":model");
    ASSERT_EQ(model.modules.size(), 1U);
    EXPECT_EQ(model.modules[0].class_name, "torch.fx.graph_module.GraphModule");
    EXPECT_THAT(std::string(model.modules[0].source), testing::HasSubstr("def forward"));
  }
}

TEST(ModuleForms, ACallWithAModulesDictThatIsNoGraphModuleKeepsItsName) {
  Code dict = Named({{"_parameters", Named({{"w", Weight()}})}, {"_modules", Named({})}});
  Model model = Open(Reduce(Global("project", "rebuild"), {dict}));
  EXPECT_EQ(Names(model), "w");
  EXPECT_EQ(model.modules.at(0).class_name, "project.rebuild");
}

TEST(ModuleForms, CompiledModulesStandInsideTheirWrapper) {
  Code inner = Build(NewObject(Global("torch.nn.modules.linear", "Linear")),
                     Named({{"_parameters", Named({{"weight", Weight()}})}, {"_modules", Named({})}}));
  Model model = Open(Reduce(Global("torch._dynamo.eval_frame", "OptimizedModule"), {inner, Text("context")}));
  EXPECT_EQ(Names(model), "_orig_mod.weight");
  EXPECT_EQ(Parts(model), ":model");
}

Code ConvState(size_t items) {
  Codes all = {Int(3), Int(4),        Ints({3, 3}), Ints({1, 1}), Ints({0, 0}), Ints({1, 1}), Bool(false), Ints({0, 0}),
               Int(1), Text("zeros"), Weight(),     None(),       Float(0.5),   Int(2),       Bool(false), Int(9)};
  all.resize(items);
  return Tuple(all);
}

TEST(ModuleForms, QuantizedConvolutionsHaveAStateWithoutNames) {
  Code type = NewObject(Global("torch.ao.nn.quantized.modules.conv", "Conv2d"));
  Model model = Open(Named({{"conv", Build(type, ConvState(15))}}));
  EXPECT_EQ(Names(model), "weight") << "a bias of None is not there";
  EXPECT_EQ(model.tensors[0].kind, TensorKind::kParameter);
  ASSERT_EQ(model.modules.size(), 1U);
  EXPECT_EQ(model.modules[0].training, false);
  std::string attributes;
  for (const Attribute& a : model.modules[0].attributes) attributes += a.name + "=" + a.text + " ";
  EXPECT_THAT(attributes, testing::HasSubstr("in_channels=3 out_channels=4 kernel_size=(3, 3)"));
  EXPECT_THAT(attributes, testing::HasSubstr("scale=0.5 zero_point=2"));
  // Another number of items is not what any torch wrote, and nothing is named.
  for (size_t items : {size_t{3}, size_t{16}}) {
    EXPECT_EQ(Open(Named({{"conv", Build(type, ConvState(items))}})).modules.size(), 0U) << items;
  }
}

TEST(PackedParams, StandForTheirTensors) {
  auto script = [](std::string_view type, const Code& state) {
    return Build(NewObject(Global("torch", "ScriptObject")),
                 Tuple({state, Text("__torch__.torch.classes." + std::string(type))}));
  };
  Code linear = script("quantized.LinearPackedParamsBase", Tuple({Weight(), Weight()}));
  EXPECT_EQ(Names(Open(Named({{"p", linear}}))), "p[0] p[1]");
  EXPECT_EQ(Names(Open(Named({{"a.weight", Weight()}, {"p", linear}}))), "a.weight p[0] p[1]");
  Code embedding =
      script("quantized.EmbeddingPackedParamsBase", Tuple({Int(1), List({Weight()}), List({}), List({Int(8)})}));
  EXPECT_EQ(Names(Open(Named({{"a.weight", Weight()}, {"e._packed_weight", embedding}}))), "a.weight e._packed_weight");
  Code cell = script("rnn.CellParamsBase", Tuple({Text("quantized_dynamic"), List({Weight(), Weight()}), List({}),
                                                  List({}), List({linear, linear})}));
  EXPECT_EQ(Names(Open(Named({{"a.weight", Weight()}, {"p", cell}}))),
            "a.weight p.weight_ih p.bias_ih p.weight_hh p.bias_hh");
  Code conv =
      script("quantized.Conv2dPackedParamsBase", Tuple({Text("2"), List({Weight(), Weight()}), List({Weight()})}));
  EXPECT_EQ(Names(Open(Named({{"a.weight", Weight()}, {"c", conv}}))), "a.weight c[0] c[1]");
  // States of other forms are shown as they are.
  for (const Code& state : {Tuple({}), List({Weight()}), Tuple({Int(1), Weight()})}) {
    for (std::string_view type :
         {"quantized.EmbeddingPackedParamsBase", "rnn.CellParamsBase", "quantized.Conv9PackedParamsBase"}) {
      Model model = Open(Named({{"a.weight", Weight()}, {"p", script(type, state)}}));
      EXPECT_EQ(model.tensors.size(), state == Tuple({}) ? 1U : 2U) << type;
    }
  }
}

}  // namespace
}  // namespace pthview
