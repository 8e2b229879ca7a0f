// Errors, limits and hostile input.
#include "lib/pickle/machine.h"

#include <gtest/gtest.h>

#include "tests/unit/pickle/pickle_test_util.h"

namespace pthview::pickle {
namespace {

TEST(MachineTest, EveryShorterPickleIsTruncatedInsideItself) {
  // Like a state_dict, with a bit of everything.
  const std::string sample =
      "\x80\x02}(U\x01wctorch._utils\n_rebuild\n((U\x07storageK\x04tQM\x01\x02J\x01\x02\x03\x04\x86q\x05"
      "\x89)tRU\x01"
      "bG\x3f\xf0\x01\x01\x01\x01\x01\x01\x8a\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09\x86I12\nF1.5\nu.";
  ASSERT_TRUE(ReadText(sample)) << ReadText(sample).error().message;
  for (size_t length = 0; length < sample.size(); ++length) {
    auto tree = ReadText(std::string_view(sample).substr(0, length), 100);
    ASSERT_FALSE(tree) << length;
    EXPECT_EQ(tree.error().code, ErrorCode::kTruncated) << length << ": " << tree.error().message;
    EXPECT_EQ(tree.error().record, "data.pkl");
    EXPECT_GE(*tree.error().offset, 100u);
    EXPECT_LE(*tree.error().offset, 100 + length);
    EXPECT_NE(tree.error().hint, "");
  }
}

struct Bad {
  std::string_view pickle;
  uint64_t offset;
  std::string_view message;
  ErrorCode code = ErrorCode::kCorrupt;
};

TEST(MachineTest, ErrorsNameTheOpcodeAndItsByte) {
  const Bad rows[] = {
      {".", 0, "opcode STOP at byte 0: the stack holds too few values"},
      {"N(.", 2, "opcode STOP at byte 2: the stack holds too few values above its last MARK"},
      {"0.", 0, "opcode POP at byte 0: the stack holds too few values"},
      {"2.", 0, "opcode DUP at byte 0: the stack holds too few values"},
      {"1.", 0, "opcode POP_MARK at byte 0: there is no MARK on the stack"},
      {"t.", 0, "opcode TUPLE at byte 0: there is no MARK on the stack"},
      {"NNs.", 2, "opcode SETITEM at byte 2: the stack holds too few values"},
      {"}(NNs.", 4, "opcode SETITEM at byte 4: the stack holds too few values above its last MARK"},
      {"NNNs.", 3, "opcode SETITEM at byte 3: cannot be applied to a value of kind None"},
      {"](NNu.", 4, "opcode SETITEMS at byte 4: cannot be applied to a value of kind list"},
      {"}(Nu.", 3, "opcode SETITEMS at byte 3: the last key has no value"},
      {"(Nd.", 2, "opcode DICT at byte 2: the last key has no value"},
      {"(Nu.", 2, "opcode SETITEMS at byte 2: the stack holds too few values"},
      {"(](Na0.", 4, "opcode APPEND at byte 4: the stack holds too few values above its last MARK"},
      {"}Na.", 2, "opcode APPEND at byte 2: cannot be applied to a value of kind dict"},
      {"}(Ne.", 3, "opcode APPENDS at byte 3: cannot be applied to a value of kind dict"},
      {"](N\x90.", 3, "opcode ADDITEMS at byte 3: cannot be applied to a value of kind list"},
      {"(\x91(N\x90.", 4, "opcode ADDITEMS at byte 4: cannot be applied to a value of kind set"},
      {"}Nb.", 2, "opcode BUILD at byte 2: cannot be applied to a value of kind dict"},
      {"NR.", 1, "opcode REDUCE at byte 1: the stack holds too few values"},
      {"NN\x92.", 2, "opcode NEWOBJ_EX at byte 2: the stack holds too few values"},
      {"(o.", 1, "opcode OBJ at byte 1: there is no class above its MARK"},
      {"NN\x93.", 2, "opcode STACK_GLOBAL at byte 2: cannot be applied to a value of kind None"},
      {"Q.", 0, "opcode BINPERSID at byte 0: the stack holds too few values"},
      {"q\x01.", 0, "opcode BINPUT at byte 0: the stack holds too few values"},
      {"h\x05.", 0, "opcode BINGET at byte 0: nothing was stored under memo number 5"},
      {"gx\n.", 0, "opcode GET at byte 0: its text is no memo number"},
      {"Np-1\n.", 1, "opcode PUT at byte 1: its text is no memo number"},
      {"Ix\n.", 0, "opcode INT at byte 0: its text is no integer"},
      {"L--5L\n.", 0, "opcode LONG at byte 0: its text is no integer"},
      {"I1__0\n.", 0, "opcode INT at byte 0: its text is no integer"},
      {"I_1\n.", 0, "opcode INT at byte 0: its text is no integer"},
      {"L1_L\n.", 0, "opcode LONG at byte 0: its text is no integer"},
      {"I0x\n.", 0, "opcode INT at byte 0: its text is no integer"},
      {"I0x-5\n.", 0, "opcode INT at byte 0: its text is no integer"},
      {"F1.5x\n.", 0, "opcode FLOAT at byte 0: its text is no number"},
      {"F\n.", 0, "opcode FLOAT at byte 0: its text is no number"},
      {"Sx\n.", 0, "opcode STRING at byte 0: its text is not in quotes"},
      {"S'\n.", 0, "opcode STRING at byte 0: its text is not in quotes"},
      {"S'x\"\n.", 0, "opcode STRING at byte 0: its text is not in quotes"},
      {"S'\\x4'\n.", 0, "opcode STRING at byte 0: its text has a broken escape"},
      {"V\\u12\n.", 0, "opcode UNICODE at byte 0: its text has a broken escape"},
      {"V\\U00110000\n.", 0, "opcode UNICODE at byte 0: its text has a broken escape"},
      {"T\xff\xff\xff\xff.", 0, "opcode BINSTRING at byte 0: a length below zero"},
      {"\x8b\xff\xff\xff\xff.", 0, "opcode LONG4 at byte 0: a length below zero"},
      {Raw("\x82\x00."), 0, "opcode EXT1 at byte 0: extension codes begin at 1"},
      {"N\x98.", 1, "opcode READONLY_BUFFER at byte 1: cannot be applied to a value of kind None"},
      {"\x80\x06N.", 0, "opcode PROTO at byte 0: pickle protocol 6", ErrorCode::kUnsupported},
      {"N\xff.", 1, "byte 1 (0xff) is no pickle opcode"},
      {"\x8b\xff\xff\xff\x7f.", 0, "opcode LONG4 at byte 0: its argument ends 2147483646 bytes after the pickle",
       ErrorCode::kTruncated},
      {"\x96\xff\xff\xff\xff\xff\xff\xff\xff.", 0,
       "opcode BYTEARRAY8 at byte 0: its argument ends 18446744073709551614 bytes after the pickle",
       ErrorCode::kTruncated},
      {"N", 1, "the pickle ends without STOP", ErrorCode::kTruncated},
      {"NI12", 1, "opcode INT at byte 1: its argument ends 1 bytes after the pickle", ErrorCode::kTruncated},
  };
  for (const Bad& row : rows) {
    auto tree = ReadText(row.pickle);
    ASSERT_FALSE(tree) << row.message;
    EXPECT_EQ(tree.error().message, row.message);
    EXPECT_EQ(tree.error().offset, row.offset) << row.message;
    EXPECT_EQ(tree.error().code, row.code) << row.message;
  }
}

TEST(MachineTest, TheBaseIsAddedToTheByte) {
  auto tree = ReadText("N\xff.", 1000);
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().offset, 1001u);
  EXPECT_NE(tree.error().message.find("1001"), std::string::npos);
}

TEST(MachineTest, EqualTuplesOfIntsAreOne) {
  // ((4, 5), (4, 5), (5, 4), (True, 5), (4,))
  auto tree = ReadText("((K\x04K\x05tK\x04K\x05\x86K\x05K\x04\x86\x88K\x05\x86K\x04\x85t.");
  ASSERT_TRUE(tree) << tree.error().message;
  auto items = tree->Sequence(tree->root);
  ASSERT_EQ(items.size(), 5U);
  EXPECT_EQ(items[0].index, items[1].index);
  for (size_t i = 2; i < items.size(); ++i) EXPECT_NE(items[0].index, items[i].index) << i;
  EXPECT_EQ(tree->Sequence(items[2])[0].integer, 5);
  EXPECT_TRUE(tree->Sequence(items[3])[0].Is(Kind::kBool));
  EXPECT_EQ(tree->Sequence(items[4]).size(), 1U);
}

TEST(MachineTest, DepthDoesNotMatter) {
  EXPECT_TRUE(ReadText(std::string(2'000'000, ']') + "."));
  EXPECT_FALSE(ReadText(std::string(10'000'000, '(') + "."));  // NOLINT(bugprone-string-constructor)
  constexpr size_t kDepth = 1'000'000;
  // [[[...]]]
  auto lists = ReadText(std::string(kDepth, ']') + std::string(kDepth - 1, 'a') + ".");
  ASSERT_TRUE(lists);
  EXPECT_EQ(lists->List(lists->root).size(), 1u);
  // ((((...))))
  auto tuples = ReadText(")" + std::string(kDepth, '\x85') + ".");
  ASSERT_TRUE(tuples);
  EXPECT_EQ(Print(*tuples, tuples->root, 10), "((((((((((...");
  auto marks = ReadText(std::string(kDepth, '(') + std::string(kDepth, 't') + ".");
  ASSERT_TRUE(marks);
  EXPECT_EQ(marks->Tuple(marks->root).size(), 1u);
}

TEST(MachineTest, MemoNumbersMayBeSparse) {
  std::string pickle = "K\x01r\xff\xff\xff\xffK\x02r\xfe\xff\xff\xff(";
  pickle += "j\xff\xff\xff\xffj\xfe\xff\xff\xff";
  // Put early as a far number, later again where it is a near one.
  pickle += "K\x03p90\ng90\n" + std::string(200, 'N') + "K\x04p90\ng90\n0";
  EXPECT_TRUE(Show(pickle + "l.").starts_with("[1, 2, 3, 3, None, "));
  auto tree = ReadText(pickle + "l.");
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->List(tree->root).back().integer, 4);
}

TEST(MachineTest, AMemoOfManyFarNumbersIsStillCheap) {
  std::string pickle = "N";
  for (uint32_t i = 0; i < 200'000; ++i) {
    const uint32_t number = 0xffffffffu - i * 4096;
    pickle += 'r';
    pickle.append(reinterpret_cast<const char*>(&number), 4);
  }
  EXPECT_EQ(Show(pickle + "."), "None");
}

TEST(MachineTest, TreeEndsAfterStop) {
  auto tree = ReadText("NK\x01.garbage");
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->end, 4u);
}

TEST(MachineTest, SourceIsReadPickleByPickle) {
  std::string file = "head";
  const std::string first =
      "U\x05"
      "first.";
  // Longer than a few pieces, with a text that crosses their borders.
  std::string second = "(";
  for (int i = 0; i < 50'000; ++i) second += "U\x07seventhI12\n";
  second += Raw("X\x00\x00\x04\x00");
  second += std::string(0x40000, 'x') + "t.";
  file += first + second + "N.";
  auto source = OpenMemory("file", ToBytes(file));
  auto a = ReadFrom(*source, 4, {.record = "", .base = 4});
  ASSERT_TRUE(a);
  EXPECT_EQ(a->root.Text(), "first");
  EXPECT_EQ(a->end, first.size());
  auto b = ReadFrom(*source, 4 + a->end, {});
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_EQ(b->end, second.size());
  ASSERT_EQ(b->Tuple(b->root).size(), 100'001u);
  EXPECT_EQ(b->Tuple(b->root)[0].Text(), "seventh");
  EXPECT_EQ(b->Tuple(b->root).back().Text(), std::string(0x40000, 'x'));
  auto c = ReadFrom(*source, 4 + a->end + b->end, {});
  ASSERT_TRUE(c);
  EXPECT_EQ(4 + a->end + b->end + c->end, file.size());
  auto d = ReadFrom(*source, file.size(), {.record = "", .base = file.size()});
  ASSERT_FALSE(d);
  EXPECT_EQ(d.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(d.error().offset, file.size());
  EXPECT_FALSE(ReadFrom(*source, file.size() + 1000, {}));
}

// A source that claims to be huge and counts what is really asked of it.
class HugeSource : public ByteSource {
 public:
  explicit HugeSource(std::string start) : start_(std::move(start)) {}
  uint64_t size() const override { return uint64_t{1} << 40; }
  const std::string& name() const override { return name_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    most_ = std::max<uint64_t>(most_, offset + out.size());
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::byte>(offset + i < start_.size() ? start_[offset + i] : 0);
    }
    return Ok();
  }
  uint64_t most() const { return most_; }

 private:
  std::string name_ = "huge";
  std::string start_;
  mutable uint64_t most_ = 0;
};

TEST(MachineTest, AHugeSourceIsNotReadForNothing) {
  const std::pair<std::string_view, ErrorCode> rows[] = {
      {"cmodule without an end", ErrorCode::kCorrupt},
      {"N..", ErrorCode::kInternal},
      {"S without quotes", ErrorCode::kCorrupt},
      {Raw("\x8d\x00\x00\x00\x00\x80\x00\x00\x00"), ErrorCode::kLimit},      // text of 512 GiB, which is there
      {Raw("\x8d\x00\x00\x00\x00\x00\x00\x00\x80"), ErrorCode::kTruncated},  // of 8 EiB, which is not
  };
  for (const auto& [start, code] : rows) {
    HugeSource source{std::string(start)};
    auto tree = ReadFrom(source, 0, {});
    if (code == ErrorCode::kInternal) {
      EXPECT_TRUE(tree);
    } else {
      ASSERT_FALSE(tree);
      EXPECT_EQ(tree.error().code, code) << tree.error().message;
    }
    EXPECT_LE(source.most(), uint64_t{4} << 20);
  }
}

}  // namespace
}  // namespace pthview::pickle
