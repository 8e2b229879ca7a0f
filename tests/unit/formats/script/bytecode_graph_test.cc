#include "lib/formats/script/bytecode_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/formats/graph_lines.h"
#include "tests/unit/formats/opened.h"

namespace pthview {
namespace {

using bytecode::Function;
using bytecode::Instruction;
using bytecode::Opcode;

// Slot 0 of the module is `fc`, which has `weight` in its slot 0.
class TwoSlots : public bytecode::Slots {
 public:
  std::optional<std::string> NameOf(const std::string& path, size_t slot) override {
    if (slot > 0 || path == "fc.weight") return std::nullopt;
    return path.empty() ? "fc" : "weight";
  }
};

Function WithTables(std::vector<Instruction> code) {
  Function function{.name = "__torch__.Net.forward", .code = std::move(code)};
  function.operators = {
      {"aten::add", "Tensor", 2}, {"aten::relu", "", 1}, {"aten::max", "dim", 1}, {"prim::Print", "", -1}};
  function.constants = {TypedAttribute("", {int64_t{2}}), TypedAttribute("", {true})};
  function.types = {"List[int]"};
  function.arguments = {{"self", "__torch__.Net"}, {"x", "Tensor"}};
  return function;
}

Model Read(const std::vector<Function>& functions, uint64_t text = 1 << 20) {
  ModelBuilder builder;
  builder.AllowText(text);
  Model& model = builder.model();
  model.parts.push_back({.kind = PartKind::kModel, .root = 0});
  model.modules.push_back({.class_name = "__torch__.Net", .children = {1}});
  model.modules.push_back({.name = "fc", .path = "fc", .class_name = "__torch__.Linear", .parent = 0, .tensors = {0}});
  Tensor tensor = builder.Check({.dtype = DType::kFloat32, .meta = true}, "fc.weight");
  tensor.name = tensor.path = "fc.weight";
  tensor.part = 0;
  builder.AddTensor(tensor);
  TwoSlots slots;
  AddBytecodeGraphs(functions, slots, 0, builder);
  return std::move(builder).Finish();
}

std::string Lines(std::vector<Instruction> code) {
  const Model model = Read({WithTables(std::move(code))});
  if (model.graph_roots.empty()) return "none";
  EXPECT_FALSE(Noted(model, "bytecode-flow")) << TextOf(model, "bytecode-flow");
  return GraphLines(model, model.graphs[model.graph_roots[0]]);
}

const Instruction kArguments = {Opcode::kStoreN, 1, 2}, kX = {Opcode::kLoad, 2}, kSelf = {Opcode::kLoad, 1},
                  kReturn = {Opcode::kReturn}, kAdd = {Opcode::kOp, 0}, kRelu = {Opcode::kOp, 1};

TEST(BytecodeGraph, FollowsTheStackAndTheRegisters) {
  EXPECT_EQ(Lines({kArguments,
                   kX,
                   kSelf,
                   {Opcode::kGetAttr, 0},
                   {Opcode::kGetAttr, 0},
                   kAdd,
                   {Opcode::kStore, 3},
                   {Opcode::kMove, 3},
                   kRelu,
                   kReturn}),
            "forward%x\n%add = aten::add.Tensor(%x, weight=@fc.weight)\n%relu = aten::relu(%add)\n-> %relu\n");
}

TEST(BytecodeGraph, OperatorsAreOfTheModuleWhoseWeightsTheyTake) {
  const Model model =
      Read({WithTables({kArguments, kX, kSelf, {Opcode::kGetAttr, 0}, {Opcode::kGetAttr, 0}, kAdd, kReturn})});
  EXPECT_EQ(model.graphs.at(0).nodes.at(0).module, 1U);
}

TEST(BytecodeGraph, SeveralResultsAreToldByWhatStoresThem) {
  EXPECT_EQ(Lines({kArguments, kX, {Opcode::kOp, 2}, {Opcode::kStoreN, 3, 2}, {Opcode::kMove, 4}, kReturn}),
            "forward%x\n%max, %max_1 = aten::max.dim(%x)\n-> %max_1\n");
}

TEST(BytecodeGraph, ListsOfConstantsAreConstants) {
  EXPECT_EQ(Lines({kArguments,
                   kX,
                   {Opcode::kLoadC, 0},
                   {Opcode::kLoadC, 0},
                   {Opcode::kListConstruct, 0, 2},
                   kAdd,
                   kX,
                   {Opcode::kListConstruct, 0, 2},
                   kReturn}),
            "forward%x\n%add = aten::add.Tensor(%x, [2, 2])\n%ListConstruct = prim::ListConstruct(%add, %x)\n"
            "-> %ListConstruct\n");
}

TEST(BytecodeGraph, BranchesAndLoopsHaveBodies) {
  EXPECT_EQ(Lines({kArguments,
                   {Opcode::kLoadC, 1},
                   {Opcode::kJumpIfFalse, 4},
                   kX,
                   kRelu,
                   {Opcode::kJump, 2},
                   kX,
                   {Opcode::kStore, 3},
                   {Opcode::kLoadC, 0},
                   {Opcode::kLoadC, 0},
                   {Opcode::kLoadC, 1},
                   {Opcode::kMove, 3},
                   {Opcode::kLoop, 7, 3},
                   {Opcode::kStoreN, 4, 2},
                   {Opcode::kLoadC, 1},
                   {Opcode::kMove, 5},
                   {Opcode::kMove, 4},
                   kAdd,
                   {Opcode::kJump, -6},
                   kReturn}),
            "forward%x\n%If = prim::If(True)\n"
            "  then[]\n  %relu = aten::relu(%x)\n  -> %relu\n"
            "  else[]\n  -> %x\n"
            "%Loop = prim::Loop(2, True, %If)\n"
            "  body[%i %carried]\n  %add = aten::add.Tensor(%carried, %i)\n"
            "  %constant = prim::Constant(value=True)\n  -> [%constant %add]\n"
            "-> %Loop\n");
}

TEST(BytecodeGraph, WhatCannotBeFollowedIsTheOperatorsInOrder) {
  struct Row {
    std::vector<Instruction> code;
    std::string why;
  };
  const Row rows[] = {
      {{kArguments, kAdd, kReturn}, "takes more than stands on the stack"},
      {{kArguments, kX, {Opcode::kOp, 9}, kReturn}, "names no operator"},
      {{kArguments, kX, {Opcode::kOp, -1}, kReturn}, "names no operator"},
      {{kArguments, kX, {Opcode::kOp, 3}, kReturn}, "bytecode version"},
      {{kArguments, {Opcode::kLoadC, 7}, kReturn}, "names no constant"},
      {{kArguments, {Opcode::kLoad, 77}, kReturn}, "register"},
      {{kArguments, kX, {Opcode::kJumpIfFalse, 100}, kReturn}, "leads elsewhere"},
      {{kArguments, kX, {Opcode::kJumpIfFalse, -3}, kReturn}, "leads elsewhere"},
      {{kArguments, kX, {Opcode::kJumpIfFalse, INT32_MIN}, kReturn}, "leads elsewhere"},
      {{kArguments, kX, kX, kX, {Opcode::kLoop, INT32_MAX, 2}, kReturn}, "leads elsewhere"},
      {{kArguments, kX, {Opcode::kListConstruct, 0, 60000}, kReturn}, "stack"},
      {{kArguments, kX, {Opcode::kListUnpack, -1}, kReturn}, "unpacks nothing"},
      {{kArguments, kX, {Opcode::kTupleConstruct, -5}, kReturn}, "negative"},
      {{kArguments, kX, {Opcode::kEnter, 0}, kReturn}, "not followed"},
      {{kArguments, kX, kRelu}, "does not return"},
      {{kArguments, kX, kReturn, kRelu}, "returns inside"},
      {{kArguments, kX, {Opcode::kCount, 0}, kReturn}, "not followed"},
  };
  for (const Row& row : rows) {
    Function function = WithTables({kArguments, kX, kRelu, {Opcode::kDrop}});
    function.code.insert(function.code.end(), row.code.begin() + 1, row.code.end());
    const Model model = Read({function});
    ASSERT_EQ(model.graph_roots.size(), 1U) << row.why;
    EXPECT_THAT(GraphLines(model, model.graphs[model.graph_roots[0]]), testing::HasSubstr(" = aten::relu()"))
        << row.why;
    EXPECT_THAT(TextOf(model, "bytecode-flow"), testing::HasSubstr(row.why)) << row.why;
    EXPECT_FALSE(Noted(model, "graph-invalid"));
  }
}

TEST(BytecodeGraph, WhatAShortFunctionMakesIsBounded) {
  std::vector<Instruction> code = {kArguments, {Opcode::kLoadC, 0}};
  for (int i = 0; i < 31; ++i) {  // a list of two of itself, again and again
    code.insert(code.end(),
                {{Opcode::kStore, 3}, {Opcode::kLoad, 3}, {Opcode::kLoad, 3}, {Opcode::kListConstruct, 0, 2}});
  }
  code.push_back(kReturn);
  EXPECT_THAT(TextOf(Read({WithTables(code)}), "bytecode-flow"), testing::HasSubstr("larger than such a file"));
  EXPECT_THAT(TextOf(Read({WithTables({kArguments, kX, {Opcode::kListUnpack, INT32_MAX}, kReturn})}), "bytecode-flow"),
              testing::HasSubstr("larger than such a file"));
  std::vector<Instruction> nested = {kArguments};
  for (int i = 0; i < 1000; ++i)
    nested.insert(nested.end(), {{Opcode::kLoadC, 1}, {Opcode::kJumpIfFalse, 3 + 5 * (999 - i)}});
  EXPECT_TRUE(Noted(Read({WithTables(nested)}), "bytecode-flow") || Read({WithTables(nested)}).graph_roots.empty());
}

TEST(BytecodeGraph, OpcodesAreNumberedAsTorchNumbersThem) {
  EXPECT_EQ(bytecode::OpcodeOf("OP"), Opcode::kOp);
  EXPECT_EQ(bytecode::OpcodeOf("RET"), Opcode::kReturn);
  EXPECT_EQ(bytecode::OpcodeOf("__ISNOT__"), Opcode::kIsNot);
  EXPECT_EQ(bytecode::OpcodeOf("AWAITABLE"), Opcode::kAwaitable);
  EXPECT_EQ(static_cast<int>(Opcode::kAwaitable), 50);
  EXPECT_EQ(bytecode::OpcodeOf("nope"), Opcode::kCount);
}

}  // namespace
}  // namespace pthview
