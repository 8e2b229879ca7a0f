// The 68 opcodes of pickle protocols 0 to 5 and what follows each in the file. Source: CPython Lib/pickletools.py.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pthview::pickle {

enum class Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kFloat = 'F',
  kInt = 'I',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kLong = 'L',
  kBinInt2 = 'M',
  kNone = 'N',
  kPersId = 'P',
  kBinPersId = 'Q',
  kReduce = 'R',
  kString = 'S',
  kBinString = 'T',
  kShortBinString = 'U',
  kUnicode = 'V',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kEmptyDict = '}',
  kAppends = 'e',
  kGet = 'g',
  kBinGet = 'h',
  kInst = 'i',
  kLongBinGet = 'j',
  kList = 'l',
  kEmptyList = ']',
  kObj = 'o',
  kPut = 'p',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kBinFloat = 'G',
  // Protocol 2.
  kProto = 0x80,
  kNewObj = 0x81,
  kExt1 = 0x82,
  kExt2 = 0x83,
  kExt4 = 0x84,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  // Protocol 3.
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  // Protocol 4.
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  // Protocol 5.
  kByteArray8 = 0x96,
  kNextBuffer = 0x97,
  kReadOnlyBuffer = 0x98,
};

// What follows the opcode's byte. All integers are little-endian, except BINFLOAT's big-endian double.
enum class Argument : uint8_t {
  kNothing,
  kBytes1,
  kBytes2,
  kBytes4,
  kBytes8,
  kLine,      // text up to a newline
  kTwoLines,  // module, name
  kCounted1,  // a length of 1, 4 or 8 bytes, then so many bytes
  kCounted4,
  kCounted8,
};

struct OpcodeInfo {
  Opcode code;
  std::string_view name;  // as pickletools spells it
  Argument argument;
  uint8_t protocol;  // the first that has it
};

inline constexpr std::array<OpcodeInfo, 68> kOpcodes = {{
    {Opcode::kMark, "MARK", Argument::kNothing, 0},
    {Opcode::kStop, "STOP", Argument::kNothing, 0},
    {Opcode::kPop, "POP", Argument::kNothing, 0},
    {Opcode::kPopMark, "POP_MARK", Argument::kNothing, 1},
    {Opcode::kDup, "DUP", Argument::kNothing, 0},
    {Opcode::kFloat, "FLOAT", Argument::kLine, 0},
    {Opcode::kInt, "INT", Argument::kLine, 0},
    {Opcode::kBinInt, "BININT", Argument::kBytes4, 1},
    {Opcode::kBinInt1, "BININT1", Argument::kBytes1, 1},
    {Opcode::kLong, "LONG", Argument::kLine, 0},
    {Opcode::kBinInt2, "BININT2", Argument::kBytes2, 1},
    {Opcode::kNone, "NONE", Argument::kNothing, 0},
    {Opcode::kPersId, "PERSID", Argument::kLine, 0},
    {Opcode::kBinPersId, "BINPERSID", Argument::kNothing, 1},
    {Opcode::kReduce, "REDUCE", Argument::kNothing, 0},
    {Opcode::kString, "STRING", Argument::kLine, 0},
    {Opcode::kBinString, "BINSTRING", Argument::kCounted4, 1},
    {Opcode::kShortBinString, "SHORT_BINSTRING", Argument::kCounted1, 1},
    {Opcode::kUnicode, "UNICODE", Argument::kLine, 0},
    {Opcode::kBinUnicode, "BINUNICODE", Argument::kCounted4, 1},
    {Opcode::kAppend, "APPEND", Argument::kNothing, 0},
    {Opcode::kBuild, "BUILD", Argument::kNothing, 0},
    {Opcode::kGlobal, "GLOBAL", Argument::kTwoLines, 0},
    {Opcode::kDict, "DICT", Argument::kNothing, 0},
    {Opcode::kEmptyDict, "EMPTY_DICT", Argument::kNothing, 1},
    {Opcode::kAppends, "APPENDS", Argument::kNothing, 1},
    {Opcode::kGet, "GET", Argument::kLine, 0},
    {Opcode::kBinGet, "BINGET", Argument::kBytes1, 1},
    {Opcode::kInst, "INST", Argument::kTwoLines, 0},
    {Opcode::kLongBinGet, "LONG_BINGET", Argument::kBytes4, 1},
    {Opcode::kList, "LIST", Argument::kNothing, 0},
    {Opcode::kEmptyList, "EMPTY_LIST", Argument::kNothing, 1},
    {Opcode::kObj, "OBJ", Argument::kNothing, 1},
    {Opcode::kPut, "PUT", Argument::kLine, 0},
    {Opcode::kBinPut, "BINPUT", Argument::kBytes1, 1},
    {Opcode::kLongBinPut, "LONG_BINPUT", Argument::kBytes4, 1},
    {Opcode::kSetItem, "SETITEM", Argument::kNothing, 0},
    {Opcode::kTuple, "TUPLE", Argument::kNothing, 0},
    {Opcode::kEmptyTuple, "EMPTY_TUPLE", Argument::kNothing, 1},
    {Opcode::kSetItems, "SETITEMS", Argument::kNothing, 1},
    {Opcode::kBinFloat, "BINFLOAT", Argument::kBytes8, 1},
    {Opcode::kProto, "PROTO", Argument::kBytes1, 2},
    {Opcode::kNewObj, "NEWOBJ", Argument::kNothing, 2},
    {Opcode::kExt1, "EXT1", Argument::kBytes1, 2},
    {Opcode::kExt2, "EXT2", Argument::kBytes2, 2},
    {Opcode::kExt4, "EXT4", Argument::kBytes4, 2},
    {Opcode::kTuple1, "TUPLE1", Argument::kNothing, 2},
    {Opcode::kTuple2, "TUPLE2", Argument::kNothing, 2},
    {Opcode::kTuple3, "TUPLE3", Argument::kNothing, 2},
    {Opcode::kNewTrue, "NEWTRUE", Argument::kNothing, 2},
    {Opcode::kNewFalse, "NEWFALSE", Argument::kNothing, 2},
    {Opcode::kLong1, "LONG1", Argument::kCounted1, 2},
    {Opcode::kLong4, "LONG4", Argument::kCounted4, 2},
    {Opcode::kBinBytes, "BINBYTES", Argument::kCounted4, 3},
    {Opcode::kShortBinBytes, "SHORT_BINBYTES", Argument::kCounted1, 3},
    {Opcode::kShortBinUnicode, "SHORT_BINUNICODE", Argument::kCounted1, 4},
    {Opcode::kBinUnicode8, "BINUNICODE8", Argument::kCounted8, 4},
    {Opcode::kBinBytes8, "BINBYTES8", Argument::kCounted8, 4},
    {Opcode::kEmptySet, "EMPTY_SET", Argument::kNothing, 4},
    {Opcode::kAddItems, "ADDITEMS", Argument::kNothing, 4},
    {Opcode::kFrozenSet, "FROZENSET", Argument::kNothing, 4},
    {Opcode::kNewObjEx, "NEWOBJ_EX", Argument::kNothing, 4},
    {Opcode::kStackGlobal, "STACK_GLOBAL", Argument::kNothing, 4},
    {Opcode::kMemoize, "MEMOIZE", Argument::kNothing, 4},
    {Opcode::kFrame, "FRAME", Argument::kBytes8, 4},
    {Opcode::kByteArray8, "BYTEARRAY8", Argument::kCounted8, 5},
    {Opcode::kNextBuffer, "NEXT_BUFFER", Argument::kNothing, 5},
    {Opcode::kReadOnlyBuffer, "READONLY_BUFFER", Argument::kNothing, 5},
}};

inline constexpr uint8_t kLastProtocol = 5;

// Bytes that always follow the opcode: the number itself, or the length of a counted argument.
constexpr uint8_t FixedSize(Argument argument) {
  switch (argument) {
    case Argument::kNothing:
    case Argument::kLine:
    case Argument::kTwoLines: return 0;
    case Argument::kBytes1:
    case Argument::kCounted1: return 1;
    case Argument::kBytes2: return 2;
    case Argument::kBytes4:
    case Argument::kCounted4: return 4;
    case Argument::kBytes8:
    case Argument::kCounted8: return 8;
  }
  return 0;
}

// FixedSize of each opcode's argument, by the opcode's byte; 0 for bytes that are no opcode.
inline constexpr std::array<uint8_t, 256> kFixedSizes = [] {
  std::array<uint8_t, 256> sizes{};
  for (const OpcodeInfo& info : kOpcodes) sizes[static_cast<uint8_t>(info.code)] = FixedSize(info.argument);
  return sizes;
}();

// The row of an opcode's byte, or null when it is none.
constexpr const OpcodeInfo* FindOpcode(uint8_t byte) {
  for (const OpcodeInfo& info : kOpcodes) {
    if (static_cast<uint8_t>(info.code) == byte) return &info;
  }
  return nullptr;
}

}  // namespace pthview::pickle
