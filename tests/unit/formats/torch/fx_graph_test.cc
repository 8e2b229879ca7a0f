#include "lib/formats/torch/fx_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/formats/torch/fx_source.h"
#include "tests/unit/formats/graph_lines.h"
#include "tests/unit/formats/opened.h"

namespace pthview {
namespace {

constexpr std::string_view kClass = "torch.fx.graph_module.GraphModule";

// A GraphModule with the source, a weight `w` of its own and a Linear `seq.0`.
Model Read(const std::string& source) {
  ModelBuilder builder;
  builder.AllowText(1 << 20);
  Model& model = builder.model();
  model.parts.push_back({.kind = PartKind::kModel, .root = 0});
  model.modules.push_back({.class_name = kClass, .children = {1}, .tensors = {0}});
  model.modules[0].source = builder.arena().Copy(source);
  model.modules.push_back({.name = "seq", .path = "seq", .class_name = "torch.nn.modules.container.Sequential"});
  model.modules[1].parent = 0;
  model.modules[1].children = {2};
  model.modules.push_back({.name = "0", .path = "seq.0", .class_name = "torch.nn.modules.linear.Linear", .parent = 1});
  model.modules[2].tensors = {1};
  for (const char* name : {"w", "seq.0.weight"}) {
    const int64_t shape[] = {3};
    Tensor tensor = builder.Check({.shape = shape, .dtype = DType::kFloat32, .meta = true}, name);
    tensor.name = tensor.path = name;
    tensor.part = 0;
    builder.AddTensor(tensor);
  }
  AddFxGraphs(builder, 0);
  return std::move(builder).Finish();
}

std::string Lines(const std::string& body) {
  const Model model = Read("\n\n\ndef forward(self, x, y = None):\n" + body);
  return model.graphs.empty() ? "none" : GraphLines(model, model.graphs[0]);
}

TEST(FxGraph, EachLineIsANode) {
  EXPECT_EQ(Lines("    seq_0 = getattr(self.seq, \"0\")(x);  x = None\n"
                  "    w = self.w\n"
                  "    add = seq_0 + w;  w = None\n"
                  "    view = add.view(1, -1)\n"
                  "    relu = torch.nn.functional.relu(view, inplace = False);  view = None\n"
                  "    relu_default = torch.ops.aten.relu.default(relu)\n"
                  "    cat = torch.cat([relu, relu_default], dim = 0)\n"
                  "    getattr_1 = cat.shape\n"
                  "    neg = -cat;  getattr_1 = cat = None\n"
                  "    return {'a': (neg, add), 'b': self.w}\n"),
            "forward[%x %y]\n"
            "%seq_0 = torch.nn::Linear(%x, weight=@seq.0.weight)\n"
            "%add = _operator::add(%seq_0, @w)\n"
            "%view = torch.Tensor::view(%add, 1, -1)\n"
            "%relu = torch.nn.functional::relu(%view, inplace=False)\n"
            "%relu_default = aten::relu.default(%relu)\n"
            "%cat = torch::cat([%relu %relu_default], dim=0)\n"
            "%getattr_1 = builtins::getattr(%cat, shape)\n"
            "%neg = _operator::neg(%cat)\n"
            "-> [%neg %add @w]\n");
}

TEST(FxGraph, ArgumentsAreTypedWhereTheyAreConstants) {
  const Model model = Read(
      "def forward(self, x : torch.Tensor):\n"
      "    to = x.to(torch.float16, device(type='cuda', index=1), 1e-05, 'a\\\\nb', [1, 2], None, -inf, 1+2j, True)\n"
      "    getitem = to[(slice(None, 2, None), Ellipsis)]\n"
      "    view = to.view([1, getitem])\n"
      "    return view");
  ASSERT_EQ(model.graphs.size(), 1U);
  const Graph& graph = model.graphs[0];
  EXPECT_EQ(graph.values[graph.inputs.at(0)].type, "Tensor");
  std::vector<std::string> kinds;
  for (const Attribute& attribute : graph.nodes.at(0).attributes) {
    kinds.push_back(std::string(AttributeKindName(attribute.value)) + " " + attribute.text);
  }
  EXPECT_THAT(kinds, testing::ElementsAre("dtype torch.float16", "device cuda:1", "float 1e-05", "string a\nb",
                                          "list [1, 2]", "none None", "float -inf", "complex (1+2j)", "bool True"));
  EXPECT_EQ(graph.nodes.at(1).attributes.at(0).text, "(slice(None, 2, None), ...)");
  EXPECT_EQ(graph.nodes.at(2).attributes.at(0).text, "[1, getitem]") << "with the value beside it as an input";
  EXPECT_EQ(graph.nodes.at(2).inputs.size(), 2U);
  EXPECT_EQ(graph.nodes.at(1).source, "getitem = to[(slice(None, 2, None), Ellipsis)]");
}

TEST(FxGraph, TheModulesOfTorchExportTakeTheirArgumentsApart) {
  EXPECT_EQ(Lines("    x, y, = fx_pytree.tree_flatten_spec(([x], {'y':y}), self._in_spec)\n"
                  "    add = torch.ops.aten.add.Tensor(x, y)\n"
                  "    return pytree.tree_unflatten((add,), self._out_spec)\n"),
            "forward[%x %y]\n%add = aten::add.Tensor(%x, %y)\n-> %add\n");
}

TEST(FxGraph, NamesThatAreAssignedAgainMeanTheNewerValue) {
  EXPECT_EQ(
      Lines("    x = x + 1\n    x += y;  iadd = x\n    a, b = torch.split(x, 1)\n    a[0] = b\n    return (x, iadd)\n"),
      "forward[%x %y]\n"
      "%x#2 = _operator::add(%x, 1)\n"
      "%iadd = _operator::iadd(%x#2, %y)\n"
      "%split = torch::split(%iadd, 1)\n"
      "%a, %b = prim::TupleUnpack(%split)\n"
      " = _operator::setitem(%a, 0, %b)\n"
      "-> [%iadd %iadd]\n");
}

TEST(FxGraph, WhatIsNotOfTorchFxsFormIsShownAsText) {
  const Model model = Read(
      "def forward(self, x):\n    for i in x:\n        y = f(i)\n    z = lambda a: a\n    return self.missing(y)\n");
  ASSERT_EQ(model.graphs.size(), 1U);
  EXPECT_EQ(GraphLines(model, model.graphs[0]),
            "forward%x\n = python::statement(source=for i in x:)\n%y = ::f(i)\n"
            " = python::statement(source=z = lambda a: a)\n%missing = ::missing(%y)\n-> %missing\n");
  EXPECT_THAT(TextOf(model, "fx-statement"), testing::HasSubstr("2 statements"));
}

TEST(FxGraph, ASourceWithoutForwardHasNoGraph) {
  for (const char* source :
       {"x = 1", "def forward(", "def forward(self, (a)):\n    return a", "def other(self): return 1"}) {
    const Model model = Read(source);
    EXPECT_TRUE(model.graphs.empty()) << source;
    EXPECT_TRUE(Noted(model, "fx-graph")) << source;
  }
}

TEST(FxGraph, ClassesOfAnotherNameAreNotReadAsGenerated) {
  ModelBuilder builder;
  Model& model = builder.model();
  model.parts.push_back({.kind = PartKind::kModel, .root = 0});
  model.modules.push_back({.class_name = "net.Net", .source = "def forward(self, x):\n    return x\n"});
  AddFxGraphs(builder, 0);
  EXPECT_TRUE(model.graphs.empty());
}

TEST(FxGraph, DeepExpressionsAreStatementsWithoutATree) {
  for (const std::string& deep :
       {std::string(100000, '(') + "x" + std::string(100000, ')'), std::string(100000, '-') + "x",
        std::string(100000, '[') + "x", "x" + std::string(100000, '['), "x" + std::string(200000, '.')}) {
    const Model model = Read("def forward(self, x):\n    y = " + deep + "\n    return x\n");
    EXPECT_TRUE(Noted(model, "fx-statement") || Noted(model, "fx-graph")) << deep.substr(0, 3);
  }
  std::string chain = "x";
  for (int i = 0; i < 100000; ++i) chain += ".a";
  std::string sum = "x";
  for (int i = 0; i < 100000; ++i) sum += "+x";
  EXPECT_TRUE(Noted(Read("def forward(self, x):\n    y = " + chain + "\n    return x\n"), "fx-statement"));
  EXPECT_TRUE(Noted(Read("def forward(self, x):\n    y = " + sum + "\n    return x\n"), "fx-statement"));
}

TEST(FxGraph, WhatIsMadeOfAShortTextIsBounded) {
  std::string source = "def forward(self, x):\n    a = [1]\n";
  for (int i = 0; i < 60; ++i) source += "    a = [a, a]\n";
  source += "    b = f(a)\n    return b\n";
  const Model model = Read(source);
  EXPECT_TRUE(model.graphs.empty());
  EXPECT_TRUE(Noted(model, "fx-graph"));
}

TEST(FxSource, StringsAndCommentsHideBrackets) {
  auto function = fx::ParseForward(
      "# def forward(self): no\ndef forward(self):\n    # (\n    a = f(')', \"]\\\"\", '''}\n''')  # )\n    return "
      "a\n");
  ASSERT_TRUE(function);
  ASSERT_EQ(function->statements.size(), 2U);
  EXPECT_EQ(function->statements[0].kind, fx::Statement::Kind::kAssign);
  EXPECT_EQ(function->statements[1].kind, fx::Statement::Kind::kReturn);
}

TEST(FxSource, WhatFollowsTheFunctionIsNotOfIt) {
  auto function = fx::ParseForward("def forward(self, x):\n    return x\n\nimport os\nos.system('x')\n");
  ASSERT_TRUE(function);
  EXPECT_EQ(function->statements.size(), 1U);
}

}  // namespace
}  // namespace pthview
