#include "tools/cli/tree_text.h"

#include <gtest/gtest.h>

#include "tests/unit/analysis/model_fixture.h"

namespace pthview {
namespace {

using testing::ModelFixture;

// Trees of real modules are compared with torch's own in tests/conformance/test_print.py.
class TreeTextTest : public ::testing::Test {
 protected:
  Index Add(Index parent, std::string_view name, std::string_view class_name, Origin origin = Origin::kRecorded) {
    auto index = static_cast<Index>(fixture_.model.modules.size());
    Module module{.name = name, .class_name = class_name, .origin = origin, .parent = parent};
    if (parent != kNone) {
      std::string path(fixture_.model.modules[parent].path);
      path += (path.empty() ? "" : ".") + std::string(name);
      module.path = fixture_.model.arena.Copy(path);
      fixture_.model.modules[parent].children.push_back(index);
    }
    fixture_.model.modules.push_back(std::move(module));
    return index;
  }
  std::string Text(const TreeOptions& options = {}) {
    Output out;
    TreePrinter(fixture_.model, options).Print(out, 0);
    std::string text = std::move(out.buffer());
    out.buffer().clear();
    return text;
  }
  ModelFixture fixture_;
};

constexpr std::string_view kList = "torch.nn.modules.container.ModuleList";
constexpr std::string_view kTanh = "torch.nn.modules.activation.Tanh";

TEST_F(TreeTextTest, ChildrenOfAListThatPrintAlikeStandOnce) {
  Index root = Add(kNone, "", kList);
  for (std::string_view name : {"0", "1", "2"}) Add(root, name, kTanh);
  Add(root, "3", "torch.nn.modules.linear.Identity");
  Add(root, "4", kTanh);
  EXPECT_EQ(Text(), "ModuleList(\n  (0-2): 3 x Tanh()\n  (3): Identity()\n  (4): Tanh()\n)\n");
}

TEST_F(TreeTextTest, ThoseOfASequentialDoNot) {
  Index root = Add(kNone, "", "torch.nn.modules.container.Sequential");
  for (std::string_view name : {"0", "1"}) Add(root, name, kTanh);
  EXPECT_EQ(Text(), "Sequential(\n  (0): Tanh()\n  (1): Tanh()\n)\n");
}

TEST_F(TreeTextTest, InferredOnesWhoseNamesGoOnCounting) {
  Index root = Add(kNone, "", "", Origin::kInferred);
  for (std::string_view name : {"0", "1", "3", "4", "05"}) Add(root, name, "Tanh", Origin::kInferred);
  EXPECT_EQ(Text(), "Module(\n  (0-1): 2 x ~Tanh()\n  (3-4): 2 x ~Tanh()\n  (05): ~Tanh()\n)\n");
}

TEST_F(TreeTextTest, WhatDiffersDeepInsideIsNotAlike) {
  Index root = Add(kNone, "", kList);
  for (std::string_view name : {"0", "1"}) Add(Add(root, name, "my.Block"), "act", kTanh);
  EXPECT_EQ(Text(), "ModuleList(\n  (0-1): 2 x Block(\n    (act): Tanh()\n  )\n)\n");
  fixture_.model.modules.back().class_name = "torch.nn.modules.activation.Sigmoid";
  EXPECT_EQ(Text(),
            "ModuleList(\n  (0): Block(\n    (act): Tanh()\n  )\n  (1): Block(\n    (act): Sigmoid()\n  )\n)\n");
}

TEST_F(TreeTextTest, SubmodulesThatAreNone) {
  Index root = Add(kNone, "", "my.Net");
  Add(root, "a", kTanh);
  fixture_.model.modules[root].absent = {{0, "first"}, {1, "last"}};
  EXPECT_EQ(Text(), "Net(\n  (first): None\n  (a): Tanh()\n  (last): None\n)\n");
}

TEST_F(TreeTextTest, ModulesInListsAmongAttributesAreNotPrinted) {
  Index root = Add(kNone, "", "my.Net");
  Index inner = Add(root, "0", kTanh);
  fixture_.model.modules[inner].path = "blocks[0]";
  EXPECT_EQ(Text(), "Net()\n");
  EXPECT_EQ(Text({.attributes = true}), "Net(\n  (0): Tanh()\n)\n");
}

TEST_F(TreeTextTest, CountsAttributesAndDepthAreComments) {
  Index root = Add(kNone, "", "my.Net");
  fixture_.model.modules[root].attributes = {{"width", "8"}, {"_hidden", "3"}};
  Index block = Add(root, "block", "my.Block");
  Index tensor = fixture_.Add("block.w", {2, 3});
  fixture_.model.tensors[tensor].kind = TensorKind::kParameter;
  fixture_.model.modules[block].tensors.push_back(tensor);
  Add(block, "act", kTanh);
  EXPECT_EQ(Text({.depth = 1, .counts = true, .attributes = true}),
            "Net(  # 6 parameters; width=8\n  (block): Block(...)  # 6; 1 module folded\n)\n");
}

TEST_F(TreeTextTest, LongLinesBreakOnlyWhereThereIsAWidth) {
  Index root = Add(kNone, "", "torch.nn.modules.linear.Linear");
  fixture_.model.modules[root].attributes = {{"in_features", "1000"}, {"out_features", "1000"}};
  EXPECT_EQ(Text(), "Linear(in_features=1000, out_features=1000, bias=False)\n");
  EXPECT_EQ(Text({.width = 30}), "Linear(in_features=1000,\n    out_features=1000,\n    bias=False)\n");
}

TEST_F(TreeTextTest, NamesCannotActOnATerminal) {
  Index root = Add(kNone, "", "my.N\x1b[2Jet");
  Add(root, "a\x1b[31m", kTanh);
  EXPECT_EQ(Text({.attributes = true}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace pthview
