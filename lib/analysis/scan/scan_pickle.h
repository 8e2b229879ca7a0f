// What the opcodes of pickles name and call, read without ever giving up: where the pickle machine refuses an opcode
// (a stack that is too short, a value of the wrong kind), this goes on, because Python has run everything up to there
// and may be less strict. It keeps of each value only what may come to be called.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/analysis/scan/scan.h"
#include "lib/analysis/scan/scan_allowance.h"
#include "lib/analysis/scan/scan_stack.h"
#include "lib/analysis/scan/weights_only.h"
#include "lib/base/source.h"
#include "lib/base/text_hash.h"
#include "lib/pickle/pool.h"

namespace pthview {

// Reads a source forwards in blocks, which grow as reading goes on, so that a probe costs little.
class ScanWindow {
 public:
  explicit ScanWindow(const ByteSource& source) : source_(source) {}

  const ByteSource& source() const { return source_; }
  // The `length` bytes at `at`; null when the source ends before or cannot be read. Good until the next call.
  const std::byte* At(uint64_t at, size_t length) {
    if (at >= start_ && at - start_ <= bytes_.size() && length <= bytes_.size() - (at - start_)) [[likely]]
      return bytes_.data() + (at - start_);
    return Refill(at, length);
  }
  bool Holds(uint64_t at) const { return at >= start_ && at - start_ < bytes_.size(); }

 private:
  const std::byte* Refill(uint64_t at, size_t length);
  const ByteSource& source_;
  std::vector<std::byte> bytes_;
  uint64_t start_ = 0;
  size_t block_ = 4096;
};

// A byte string inside a pickle that begins as a file or a pickle does.
struct ScanLiteral {
  enum class Coding : uint8_t {
    kRaw,      // the bytes stand there as they are
    kUtf8,     // each byte as a character of Latin-1: protocol 2's way, for _codecs.encode(text, 'latin1')
    kEscaped,  // a STRING or UNICODE line
  };
  uint64_t offset = 0;
  uint64_t length = 0;
  Coding coding = Coding::kRaw;
};

struct PickleExtent {
  uint64_t end = 0;      // just past STOP, or where it breaks off
  bool stopped = false;  // STOP was reached
  bool limited = false;  // the allowance ended it
  uint64_t opcodes = 0;
  std::string problem;  // the first thing that Python's machine would refuse; empty when nothing
  uint64_t problem_at = 0;
  bool forgot = false;  // something was called or named that stood too deep in the stack or memo to be kept
  std::vector<ScanLiteral> literals;
  std::vector<ScanLiteral> sources;  // texts that may be source code
};

// Collects the globals of the pickles of one source. `position` of its rows is relative to the source.
class PickleScanner {
 public:
  explicit PickleScanner(const ByteSource& source) : PickleScanner(source, ScanAllowance(source.size())) {}
  PickleScanner(const ByteSource& source, const ScanAllowance& allowance);

  PickleExtent Read(uint64_t offset);

  ScanWindow& window() { return window_; }
  std::vector<CodeUse>& rows() { return rows_; }
  // Distinct names, those that were not kept included.
  uint64_t globals() const { return rows_.size() + dropped_; }
  uint64_t dropped() const { return dropped_; }
  const ScanAllowance& left() const { return left_; }
  // Of all that was read.
  const WeightsOnlyFacts& weights_only() const { return weights_only_; }
  // Rows whose names look like names of Python's: what tells a pickle from bytes that happen to be opcodes.
  size_t plausible() const { return plausible_; }

 private:
  // A value on the stack: a kind in the low bits, above it a number that is the kind's own.
  enum Kind : uint64_t {
    kOther,
    kText,    // offset of the opcode that pushed it
    kNamed,   // row: the global itself
    kResult,  // row: what calling the global gives
    kTuple,   // place in tuples_
    kForgotten,
  };
  using Value = uint64_t;
  static Value Pack(Kind kind, uint64_t number) { return number << 3 | kind; }
  static Kind KindOf(Value value) { return static_cast<Kind>(value & 7); }
  static uint64_t NumberOf(Value value) { return value >> 3; }

  struct Text {
    std::string bytes;
    bool known = false;
  };

  bool Step(PickleExtent* extent);  // false at the end
  bool StepStack(uint8_t byte, PickleExtent* extent);
  void Problem(PickleExtent* extent, std::string_view text);
  void Literal(PickleExtent* extent, uint64_t offset, uint64_t length, ScanLiteral::Coding coding);
  bool Line(PickleExtent* extent, uint64_t* length);  // of the text from at_ to the newline

  Value Pop(PickleExtent* extent);
  size_t PopMark(PickleExtent* extent);
  void Truncate(size_t size) { stack_.Truncate(std::min(size, stack_.size())); }
  Value MakeTuple(size_t first);
  Value ItemOf(Value tuple, size_t index) const;  // kOther when there is none
  void Put(uint64_t index);
  Value Get(uint64_t index, PickleExtent* extent);

  Text TextAt(uint64_t opcode);
  const Text& CachedTextAt(uint64_t opcode);
  // `value` is called, or names what is: notes when it is not known any more.
  void Need(Value value) { forgot_ = forgot_ || KindOf(value) == kForgotten; }
  Value Name(CodeSource source, std::string_view module, std::string_view name, bool literal);
  Value StackGlobal(Value module, Value name);
  Value Call(CodeCall call, Value callee, Value args);
  Value GetAttribute(Value args);
  void Build(Value target);
  void TakeItems(std::string_view opcode);  // the value on top of the stack gets items
  void NoteMade(size_t row, Value args);    // an instance that may get a state
  void Mark(size_t row, CodeCall call);

  ScanWindow window_;
  ScanAllowance left_;
  std::vector<CodeUse> rows_;
  std::vector<bool> is_getattr_;  // of each row
  std::unordered_map<std::string, size_t, TextHash> row_of_;
  uint64_t dropped_ = 0;
  size_t plausible_ = 0;
  std::unordered_map<uint64_t, Text> texts_;

  WeightsOnlyFacts weights_only_;

  uint64_t at_ = 0;
  uint64_t opcode_ = 0;  // offset of the opcode that runs
  bool forgot_ = false;  // as in PickleExtent
  ScanStack<Value> stack_;
  ScanStack<uint64_t> marks_;
  pickle::Pool<Value> memo_;
  std::unordered_map<uint64_t, Value> far_memo_;
  uint64_t memo_count_ = 0;
  bool memo_full_ = false;   // something was not kept
  ScanStack<Value> tuples_;  // of each: how many items are kept, then the items
};

}  // namespace pthview
