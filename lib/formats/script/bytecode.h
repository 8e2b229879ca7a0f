// The lite interpreter's programs, whichever file they stand in (bytecode.pkl of an archive, a flatbuffer).
//
// A function is instructions of a stack machine with registers; they name rows of its tables of operators, constants
// and types. Source: torch/csrc/jit/runtime/instruction.h, interpreter/code_impl.h (which emits them),
// mobile/interpreter.cpp (which runs them).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview::bytecode {

// In torch's order, which flatbuffers number by.
enum class Opcode : uint8_t {
  kOp,
  kOpN,
  kLoad,
  kMove,
  kStoreN,
  kStore,
  kDrop,
  kDropR,
  kLoadC,
  kJumpIfFalse,
  kJump,
  kLoop,
  kReturn,
  kWait,
  kCall,
  kGuard,
  kTypeCheck,
  kFailGuard,
  kProfileOp,
  kTailCall,
  kInterfaceCall,
  kGetAttr,
  kSetAttr,
  kListUnpack,
  kTupleConstruct,
  kNamedTupleConstruct,
  kListConstruct,
  kDictConstruct,
  kCreateObject,
  kIsInstance,
  kTupleSlice,
  kTupleIndex,
  kRaiseException,
  kDictIndex,
  kUncheckedCast,
  kIs,
  kUninitialized,
  kIsNot,
  kFormat,
  kDevice,
  kDType,
  kDim,
  kNot,
  kToList,
  kNumToTensor,
  kIsCuda,
  kFork,
  kWarn,
  kEnter,
  kExit,
  kAwaitable,
  kCount,
};
// Of "GET_ATTR"; kCount for others.
Opcode OpcodeOf(std::string_view name);

struct Instruction {
  Opcode op = Opcode::kCount;
  int32_t x = 0;
  uint16_t n = 0;
};

struct Operator {
  std::string name;        // "aten::conv2d", raw
  std::string overload;    // raw
  int64_t arguments = -1;  // how many stand on the stack; -1: the file is older and does not say
};

struct Argument {
  std::string name;  // raw
  std::string type;  // "Tensor", "__torch__.Net", raw; may be empty
};

struct Function {
  std::string name;  // "__torch__.Net.forward", raw
  std::vector<Instruction> code;
  std::vector<Operator> operators;
  std::vector<Attribute> constants;  // without names
  std::vector<std::string> types;    // raw
  std::vector<Argument> arguments;   // with self; empty: the file does not say
};

// What stands in the slots of objects, by their paths in the model ("" the module itself).
class Slots {
 public:
  virtual ~Slots() = default;
  // The raw name of the attribute in slot `slot` of the object at `path`; nullopt when there is none.
  virtual std::optional<std::string> NameOf(const std::string& path, size_t slot) = 0;
};

// Instructions that take values off the stack and put one there: as nodes.
struct PlainRow {
  static constexpr int kX = -1, kN = -2;

  Opcode op;
  std::string_view domain;
  std::string_view name;
  int takes;  // kX, kN: as many as the instruction says
};
std::span<const PlainRow> PlainRows();

// Of aten and prim, without a result.
bool HasNoResult(const Operator& op);

// Of an argument's type; unknown for those that are not simple.
ValueType TypeOf(std::string_view text);

}  // namespace pthview::bytecode
