#include <gtest/gtest.h>

#include "tests/unit/container/zip_builder.h"
#include "tests/unit/formats/opened.h"
#include "tests/unit/formats/pickle_assembler.h"

namespace pthview {
namespace {

namespace code = assembler;

code::Code ModuleState(const code::Pairs& parameters) {
  return code::Named(
      {{"training", code::Bool(true)}, {"_parameters", code::Named(parameters)}, {"_buffers", "}"}, {"_modules", "}"}});
}

code::Code ReducePackage(const code::Code& function, const code::Codes& args) {
  return code::Tuple({code::Text("reduce_package"), code::Int(1), function, code::Tuple(args)}) + "Q";
}

std::string Package(const std::vector<std::pair<std::string, std::string>>& records) {
  ZipBuilder zip;
  zip.Add({.name = "p/.data/0.storage", .data = code::Little(1.0F) + code::Little(2.0F), .torch = true});
  zip.Add({.name = "p/.data/extern_modules", .data = "torch\ncollections"});
  for (const auto& [name, data] : records) zip.Add({.name = "p/" + name, .data = data});
  return zip.Finish();
}

TEST(TorchPackage, EachResourceIsAPart) {
  auto net = code::Build(code::NewObject(code::Global("lib.net", "Net")),
                         ModuleState({{"w", code::Row("FloatStorage", "0", 2)}}));
  auto state = code::Named({{"w", code::Row("FloatStorage", "0.storage", 1)}});
  auto model = OpenBytes(Package({{"models/net.pkl", code::Pickle(net)},
                                  {"models/sub/state.pkl", code::Pickle(state)},
                                  {"lib/net.py", "import torch\n\nclass Net(torch.nn.Module):\n    pass\n"}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->format, "torch-package");
  EXPECT_EQ(Parts(*model), "models.net:model models.sub.state:model");
  EXPECT_EQ(Describe(*model, "models.net.w"), "float32[2] 1.0 2.0");
  EXPECT_EQ(FindTensor(*model, "models.net.w")->name, "w");
  // A storage is one, whether its key ends in .storage or not.
  EXPECT_EQ(FindTensor(*model, "models.net.w")->storage, FindTensor(*model, "models.sub.state.w")->storage);
  EXPECT_EQ(model->modules.at(0).source, "class Net(torch.nn.Module):\n    pass");
  EXPECT_EQ(PlainText(*model), "extern_modules=torch\ncollections\n");
}

TEST(TorchPackage, FxModulesStandInPersistentIds) {
  auto root = ReducePackage(code::Global("torch.fx.graph_module", "reduce_package_graph_module"),
                            {ModuleState({{"w", code::Row("FloatStorage", "0", 2)}}), code::Text("_0")});
  auto model = OpenBytes(Package({{"models/fx.pkl", code::Pickle(root)}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "models.fx.w"), "float32[2] 1.0 2.0");
  EXPECT_EQ(FindTensor(*model, "models.fx.w")->kind, TensorKind::kParameter);
  EXPECT_EQ(model->modules.at(0).class_name, "torch.fx.graph_module.GraphModule");
}

TEST(TorchPackage, ScriptModulesGetTheNameOfTheirResource) {
  auto reference = ReducePackage(code::Global("torch.jit._script", "unpackage_script_module"), {code::Text("0")});
  auto module = code::Build(code::NewObject(code::Global("__torch__.a", "Net")),
                            code::Named({{"w", code::Row("FloatStorage", "0.storage", 2)}}));
  std::string source = "class Net(Module):\n  __parameters__ = []\n  __buffers__ = [\"w\", ]\n";
  auto model = OpenBytes(Package({{"models/script.pkl", code::Pickle(reference)},
                                  {".data/ts_code/0/data.pkl", code::Pickle(module)},
                                  {".data/ts_code/1/data.pkl", code::Pickle(module)},
                                  {".data/ts_code/code/__torch__/a.py", source}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "models.script.w"), "float32[2] 1.0 2.0");
  EXPECT_EQ(FindTensor(*model, "models.script.w")->kind, TensorKind::kBuffer);
  EXPECT_EQ(Parts(*model), "models.script:model [\".data/ts_code/1\"]:model");
}

TEST(TorchPackage, ABrokenResourceDoesNotHideTheOthers) {
  auto state = code::Named({{"w", code::Row("FloatStorage", "0", 1)}});
  auto model = OpenBytes(Package({{"a.pkl", "?"}, {"b.pkl", code::Pickle(state)}}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(Describe(*model, "b.w"), "float32[1] 1.0");
  EXPECT_TRUE(Noted(*model, "package-resource"));
}

TEST(TorchPackage, ARecordOutsideThePrefixIsNoResource) {
  ZipBuilder zip;
  zip.Add({.name = "p/.data/extern_modules", .data = "torch"});
  zip.Add({.name = "p/a.pkl", .data = code::Pickle(code::Named({{"n", code::Int(1)}}))});
  zip.Add({.name = "q/b.pkl", .data = code::Pickle(code::Int(2))});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(PlainText(*model), "a.n=1\nextern_modules=torch\n");
}

TEST(TorchPackage, PicklesThatInflateToFarMoreThanTheFileAreLeftOut) {
  ZipBuilder zip;
  zip.Add({.name = "p/.data/extern_modules", .data = "torch"});
  for (int i = 0; i < 40; ++i) {
    zip.Add({.name = "p/r" + std::to_string(i) + ".pkl",
             .data = code::Pickle(code::Text(std::string(1 << 20, 'x'))),
             .deflate = true});
  }
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(Noted(*model, "inflated-size"));
  EXPECT_LT(model->plain.size(), 10u);
}

TEST(TorchPackage, PicklesThatAreLeftOutAreCounted) {
  ZipBuilder zip;
  zip.Add({.name = "p/.data/extern_modules", .data = "torch"});
  for (int i = 0; i < 5000; ++i)
    zip.Add({.name = "p/" + std::to_string(i) + ".pkl", .data = code::Pickle(code::Int(i))});
  auto model = OpenBytes(zip.Finish());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(Noted(*model, "package-resources"));
  EXPECT_GT(model->plain.size(), 4096u);
}

}  // namespace
}  // namespace pthview
