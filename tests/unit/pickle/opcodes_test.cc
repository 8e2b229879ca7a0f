// What each opcode leaves behind, one row an opcode or more.
#include "lib/pickle/opcodes.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/pickle/pickle_test_util.h"

namespace pthview::pickle {
namespace {

struct Row {
  const char* name;  // of the opcode that the row is about
  std::string_view pickle;
  std::string_view prints;
};

const Row kRows[] = {
    {"NONE", "N.", "None"},
    {"NEWTRUE", "\x88.", "True"},
    {"NEWFALSE", "\x89.", "False"},
    {"PROTO", "\x80\x05N.", "None"},
    {"STOP", "NK\x01.N", "1"},
    // Integers.
    {"BININT", "J\xfe\xff\xff\xff.", "-2"},
    {"BININT1", "K\xff.", "255"},
    {"BININT2", "M\x01\xff.", "65281"},
    {"INT", "I-12\n.", "-12"},
    {"INT", "I00\n.", "False"},
    {"INT", "I9_0\n.", "90"},
    {"INT", "I-0x1F\n.", "-31"},
    {"INT", "I-1_00000_000000000000_000\n.", "-100000000000000000000"},
    {"LONG", "L0b11L\n.", "3"},
    {"INT", "I01\n.", "True"},
    {"INT", "I99999999999999999999\n.", "99999999999999999999"},
    {"LONG", "L5L\n.", "5"},
    {"LONG", "L00L\n.", "0"},
    {"LONG", "L-9223372036854775809L\n.", "-9223372036854775809"},
    {"LONG1", Raw("\x8a\x00."), "0"},
    {"LONG1", "\x8a\x01\xff.", "-1"},
    {"LONG1", Raw("\x8a\x02\xff\x00."), "255"},
    {"LONG1", Raw("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), "-9223372036854775808"},
    {"LONG1", Raw("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\xff."), "-9223372036854775808"},
    {"LONG1", Raw("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."), "9223372036854775808"},
    {"LONG1", Raw("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff."), "-18446744073709551616"},
    {"LONG4", Raw("\x8b\x01\x00\x00\x00\x07."), "7"},
    // Floats.
    {"BINFLOAT", Raw("G\x3f\xf8\x00\x00\x00\x00\x00\x00."), "1.5"},
    {"BINFLOAT", Raw("G\x7f\xf8\x00\x00\x00\x00\x00\x00."), "nan"},
    {"FLOAT", "F1e-05\n.", "1e-05"},
    {"FLOAT", "F-inf\n.", "-inf"},
    {"FLOAT", "F1e999\n.", "inf"},
    {"FLOAT", "F-1e-999\n.", "-0.0"},
    // Text and bytes.
    {"STRING", "S'a\\n\\x41\\101\\'\\q'\n.", "\"a\\nAA'\\\\q\""},
    {"STRING", "S\"it's\"\n.", "\"it's\""},
    {"BINSTRING",
     Raw("T\x02\x00\x00\x00\xff."
         "."),
     "'\\xff.'"},
    {"SHORT_BINSTRING", "U\x02hi.", "'hi'"},
    {"UNICODE", "Va\\u20ac\xe9\\U0001f600\\\\u0041\\n\n.", "'a\u20ac\u00e9\U0001f600\\\\\\\\u0041\\\\n'"},
    {"UNICODE", "V\\ud800\n.", "'\\ud800'"},
    {"BINUNICODE", Raw("X\x02\x00\x00\x00hi."), "'hi'"},
    {"SHORT_BINUNICODE", "\x8c\x02hi.", "'hi'"},
    {"BINUNICODE8", Raw("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."), "'hi'"},
    {"BINBYTES", Raw("B\x02\x00\x00\x00h\\."), "b'h\\\\'"},
    {"SHORT_BINBYTES", Raw("C\x02\x00\xff."), "b'\\x00\\xff'"},
    {"BINBYTES8", Raw("\x8e\x01\x00\x00\x00\x00\x00\x00\x00h."), "b'h'"},
    {"BYTEARRAY8", Raw("\x96\x01\x00\x00\x00\x00\x00\x00\x00h."), "bytearray(b'h')"},
    // Containers.
    {"EMPTY_TUPLE", ").", "()"},
    {"TUPLE", "(K\x01K\x02t.", "(1, 2)"},
    {"TUPLE", "(t.", "()"},
    {"TUPLE1", "K\x01\x85.", "(1,)"},
    {"TUPLE2", "K\x01K\x02\x86.", "(1, 2)"},
    {"TUPLE3", "K\x01K\x02K\x03\x87.", "(1, 2, 3)"},
    {"EMPTY_LIST", "].", "[]"},
    {"LIST", "(K\x01K\x02l.", "[1, 2]"},
    {"APPEND",
     "]K\x01"
     "a.",
     "[1]"},
    {"APPENDS",
     "](K\x01K\x02"
     "e(e.",
     "[1, 2]"},
    {"EMPTY_DICT", "}.", "{}"},
    {"DICT",
     "(K\x01K\x02"
     "d.",
     "{1: 2}"},
    {"SETITEM", "}K\x01K\x02s.", "{1: 2}"},
    {"SETITEMS", "}(K\x01K\x02K\x01K\x03u.", "{1: 2, 1: 3}"},
    {"EMPTY_SET", "\x8f.", "set()"},
    {"ADDITEMS", "\x8f(K\x01K\x02\x90.", "{1, 2}"},
    {"FROZENSET", "(K\x01\x91.", "frozenset({1})"},
    {"FROZENSET", "(\x91.", "frozenset()"},
    // Stack and memo.
    {"POP",
     "K\x01K\x02"
     "0.",
     "1"},
    {"POP", "K\x01(0.", "1"},
    {"POP_MARK", "K\x01(NN1.", "1"},
    {"DUP",
     "K\x07"
     "2\x86.",
     "(7, 7)"},
    {"MARK", "((K\x01tt.", "((1,),)"},
    {"PUT", "K\x07p12\n0g12\n.", "7"},
    {"GET", "K\x07p0\nK\x08p1\n00g0\ng1\n\x86.", "(7, 8)"},
    {"BINPUT",
     "K\x07q\x05"
     "0h\x05.",
     "7"},
    {"BINGET",
     "Nq\x01K\x07q\x01"
     "0h\x01.",
     "7"},
    {"LONG_BINPUT",
     "K\x07r\xff\xff\xff\xff"
     "0j\xff\xff\xff\xff.",
     "7"},
    {"LONG_BINGET",
     Raw("K\x07q\x01"
         "0j\x01\x00\x00\x00."),
     "7"},
    {"MEMOIZE",
     Raw("K\x07\x94K\x08\x94"
         "00h\x01h\x00\x86."),
     "(8, 7)"},
    // MEMOIZE counts entries, not the largest number.
    {"MEMOIZE",
     Raw("K\x07p900\nK\x08\x94"
         "00h\x01."),
     "8"},
    {"FRAME", Raw("\x95\xff\xff\xff\xff\xff\xff\xff\xffN."), "None"},
    // What Python would import or call.
    {"GLOBAL", "cos\nsystem\n.", "os.system"},
    {"STACK_GLOBAL", "\x8c\x02os\x8c\x06system\x93.", "os.system"},
    {"STACK_GLOBAL", "U\x02osC\x06system\x93.", "os.system"},
    {"REDUCE", "cos\nsystem\nU\x02ls\x85R.", "os.system('ls')"},
    {"REDUCE", "cm\nf\nNR.", "m.f(*None)"},
    {"NEWOBJ", "cm\nC\n)\x81.", "m.C()"},
    {"NEWOBJ_EX", "cm\nC\n)}\x92.", "m.C(**{})"},
    {"NEWOBJ_EX", "cm\nC\nN\x85}U\x01kNs\x92.", "m.C(None, **{'k': None})"},
    {"INST", "(K\x01im\nC\n.", "m.C(1)"},
    {"OBJ", "(cm\nC\nK\x01o.", "m.C(1)"},
    {"BUILD", "cm\nC\n)\x81}b.", "m.C() <- {}"},
    {"BUILD",
     "cm\nC\n)\x81K\x01"
     "bK\x02"
     "bK\x03"
     "b.",
     "m.C() <- 1 <- 2 <- 3"},
    {"APPEND",
     "cm\nC\n)\x81K\x01"
     "a.",
     "m.C() + [1]"},
    {"APPENDS",
     "cm\nC\n)\x81(K\x01K\x02"
     "e.",
     "m.C() + [1, 2]"},
    {"APPENDS", "cm\nC\n)R(e(u(\x90.", "m.C()"},
    {"ADDITEMS", "cm\nC\n)\x81(K\x01\x90.", "m.C() + [1]"},
    {"SETITEM", "cm\nC\n)RK\x01K\x02s.", "m.C() + {1: 2}"},
    {"SETITEMS", "cm\nC\n)R(K\x01K\x02u}b.", "m.C() + {1: 2} <- {}"},
    {"PERSID", "Pmy id\n.", "persistent('my id')"},
    {"BINPERSID", "K\x01K\x02\x86Q.", "persistent((1, 2))"},
    {"EXT1", "\x82\x07.", "extension(7)"},
    {"EXT2", "\x83\x07\x01.", "extension(263)"},
    {"EXT4", Raw("\x84\x07\x00\x01\x00."), "extension(65543)"},
    {"NEXT_BUFFER", "\x97\x97\x86.", "(buffer(0), buffer(1))"},
    {"READONLY_BUFFER", "\x97\x98.", "buffer(0)"},
};

TEST(OpcodesTest, EachLeavesWhatPythonWould) {
  for (const Row& row : kRows) {
    EXPECT_EQ(Show(row.pickle), row.prints) << row.name;
  }
}

TEST(OpcodesTest, EveryOpcodeHasARow) {
  std::set<std::string_view> tested;
  for (const Row& row : kRows) tested.insert(row.name);
  for (const OpcodeInfo& info : kOpcodes) EXPECT_TRUE(tested.contains(info.name)) << info.name;
}

TEST(OpcodesTest, TheTableHoldsEachOpcodeOnce) {
  std::set<uint8_t> codes;
  std::set<std::string_view> names;
  for (const OpcodeInfo& info : kOpcodes) {
    EXPECT_TRUE(codes.insert(static_cast<uint8_t>(info.code)).second) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_LE(info.protocol, kLastProtocol);
  }
}

TEST(OpcodesTest, EveryOtherByteIsRefusedWithItsPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    if (FindOpcode(static_cast<uint8_t>(byte)) != nullptr) continue;
    const std::string pickle = std::string("N") + static_cast<char>(byte) + ".";
    auto tree = ReadText(pickle);
    ASSERT_FALSE(tree) << byte;
    EXPECT_EQ(tree.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(tree.error().offset, 1u);
  }
}

}  // namespace
}  // namespace pthview::pickle
