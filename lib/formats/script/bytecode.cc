#include "lib/formats/script/bytecode.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pthview::bytecode {
namespace {

constexpr int kX = PlainRow::kX, kN = PlainRow::kN;
constexpr PlainRow kPlain[] = {
    {Opcode::kTupleConstruct, "prim", "TupleConstruct", kX},
    {Opcode::kNamedTupleConstruct, "prim", "TupleConstruct", kN},
    {Opcode::kListConstruct, "prim", "ListConstruct", kN},
    {Opcode::kDictConstruct, "prim", "DictConstruct", kN},
    {Opcode::kCreateObject, "prim", "CreateObject", 0},
    {Opcode::kIsInstance, "prim", "isinstance", 1},
    {Opcode::kTupleSlice, "prim", "TupleSlice", 1},
    {Opcode::kTupleIndex, "prim", "TupleIndex", 2},
    {Opcode::kDictIndex, "aten", "__getitem__", 2},
    {Opcode::kIs, "aten", "__is__", 2},
    {Opcode::kIsNot, "aten", "__isnot__", 2},
    {Opcode::kUninitialized, "prim", "Uninitialized", 0},
    {Opcode::kFormat, "aten", "format", kX},
    {Opcode::kDevice, "prim", "device", 1},
    {Opcode::kDType, "prim", "dtype", 1},
    {Opcode::kDim, "aten", "dim", 1},
    {Opcode::kNot, "aten", "__not__", 1},
    {Opcode::kToList, "prim", "tolist", 3},
    {Opcode::kNumToTensor, "prim", "NumToTensor", 1},
    {Opcode::kIsCuda, "prim", "is_cuda", 1},
    {Opcode::kWait, "aten", "wait", 1},
    {Opcode::kFork, "prim", "fork", kN},
    {Opcode::kAwaitable, "prim", "awaitable", kN},
};

}  // namespace

Opcode OpcodeOf(std::string_view name) {
  static constexpr std::string_view kNames[] = {"OP",
                                                "OPN",
                                                "LOAD",
                                                "MOVE",
                                                "STOREN",
                                                "STORE",
                                                "DROP",
                                                "DROPR",
                                                "LOADC",
                                                "JF",
                                                "JMP",
                                                "LOOP",
                                                "RET",
                                                "WAIT",
                                                "CALL",
                                                "GUARD",
                                                "TYPECHECK",
                                                "FAIL_GUARD",
                                                "PROFILE_OP",
                                                "TAIL_CALL",
                                                "INTERFACE_CALL",
                                                "GET_ATTR",
                                                "SET_ATTR",
                                                "LIST_UNPACK",
                                                "TUPLE_CONSTRUCT",
                                                "NAMED_TUPLE_CONSTRUCT",
                                                "LIST_CONSTRUCT",
                                                "DICT_CONSTRUCT",
                                                "CREATE_OBJECT",
                                                "ISINSTANCE",
                                                "TUPLE_SLICE",
                                                "TUPLE_INDEX",
                                                "RAISE_EXCEPTION",
                                                "DICT_INDEX",
                                                "UNCHECKED_CAST",
                                                "__IS__",
                                                "UN_INITIALIZED",
                                                "__ISNOT__",
                                                "FORMAT",
                                                "DEVICE",
                                                "DTYPE",
                                                "DIM",
                                                "__NOT__",
                                                "TO_LIST",
                                                "NUM_TO_TENSOR",
                                                "IS_CUDA",
                                                "FORK",
                                                "WARN",
                                                "ENTER",
                                                "EXIT",
                                                "AWAITABLE"};
  static_assert(std::size(kNames) == static_cast<size_t>(Opcode::kCount));
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  return static_cast<Opcode>(found - std::begin(kNames));
}

std::span<const PlainRow> PlainRows() { return kPlain; }

bool HasNoResult(const Operator& op) {
  static constexpr std::string_view kNames[] = {
      "aten::clear", "aten::insert",        "aten::reverse", "aten::Delete",   "aten::remove",
      "aten::warn",  "aten::_assert_async", "prim::Print",   "aten::backward", "aten::manual_seed"};
  if (std::find(std::begin(kNames), std::end(kNames), op.name) != std::end(kNames)) return true;
  if (op.name == "aten::_set_item") return op.overload != "t";                        // of a dict
  return op.name == "aten::sort" && !op.overload.empty() && op.overload != "stable";  // of a list, in place
}

ValueType TypeOf(std::string_view text) {
  static constexpr std::pair<std::string_view, TypeKind> kKinds[] = {
      {"Tensor", TypeKind::kTensor}, {"int", TypeKind::kInt},       {"float", TypeKind::kFloat},
      {"bool", TypeKind::kBool},     {"str", TypeKind::kString},    {"NoneType", TypeKind::kNone},
      {"Device", TypeKind::kDevice}, {"number", TypeKind::kNumber}, {"complex", TypeKind::kComplex}};
  for (const auto& [name, kind] : kKinds) {
    if (name == text) return {.kind = kind};
  }
  return {};
}

}  // namespace pthview::bytecode
