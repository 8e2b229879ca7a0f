#include "lib/analysis/scan/scan_pickle.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "lib/analysis/scan/scan_text.h"
#include "lib/base/bytes.h"
#include "lib/pickle/opcodes.h"

namespace pthview {

using pickle::Argument;
using pickle::Opcode;
using pickle::OpcodeInfo;

namespace {

constexpr size_t kMostMarks = 2 << 20;
constexpr size_t kMostTuples = 2 << 20;               // with their items
constexpr size_t kMostFarMemo = 200'000;              // entries whose numbers do not follow each other
constexpr uint64_t kLongestLine = uint64_t{1} << 20;  // as the pickle machine: other content is not searched to its end

const OpcodeInfo* const* OpcodeTable() {
  static const auto table = [] {
    std::array<const OpcodeInfo*, 256> rows{};
    for (const OpcodeInfo& info : pickle::kOpcodes) rows[static_cast<uint8_t>(info.code)] = &info;
    return rows;
  }();
  return table.data();
}

uint64_t LengthOf(const std::byte* at, Argument argument) {
  switch (argument) {
    case Argument::kCounted1: return static_cast<uint8_t>(*at);
    case Argument::kCounted4: return LoadLittle<uint32_t>(at);
    case Argument::kCounted8: return LoadLittle<uint64_t>(at);
    default: return 0;
  }
}

}  // namespace

const std::byte* ScanWindow::Refill(uint64_t at, size_t length) {
  const uint64_t size = source_.size();
  if (at > size || length > size - at) return nullptr;
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(std::max(block_, length), size - at));
  bytes_.resize(wanted);
  start_ = at;
  if (!source_.ReadAt(at, bytes_)) {
    bytes_.clear();
    return nullptr;
  }
  block_ = std::min(block_ * 4, size_t{1} << 20);
  return bytes_.data();
}

PickleScanner::PickleScanner(const ByteSource& source, const ScanAllowance& allowance)
    : window_(source),
      left_(allowance),
      stack_(allowance.stack, Pack(kForgotten, 0)),
      marks_(kMostMarks, 0),
      tuples_(kMostTuples, Pack(kForgotten, 0)) {}

PickleExtent PickleScanner::Read(uint64_t offset) {
  PickleExtent extent;
  at_ = offset;
  stack_.Truncate(0);
  marks_.Truncate(0);
  memo_.Truncate(0);
  tuples_.Truncate(0);
  far_memo_.clear();
  memo_count_ = 0;
  memo_full_ = false;
  forgot_ = false;
  left_.Spend(kStepsOfPickle);
  extent.limited = true;
  while (left_.Spend(1)) {
    if (!Step(&extent)) {
      extent.limited = false;
      break;
    }
    ++extent.opcodes;
  }
  extent.forgot = forgot_;
  extent.end = at_;
  return extent;
}

void PickleScanner::Problem(PickleExtent* extent, std::string_view text) {
  if (!extent->problem.empty()) return;
  extent->problem = text;
  extent->problem_at = opcode_;
}

// One opcode with its argument. The opcodes that only push a value nobody calls need no more than the table.
bool PickleScanner::Step(PickleExtent* extent) {
  opcode_ = at_;
  const std::byte* byte = window_.At(at_, 1);
  if (byte == nullptr) {
    Problem(extent, "the pickle ends without STOP");
    return false;
  }
  const OpcodeInfo* info = OpcodeTable()[static_cast<uint8_t>(*byte)];
  if (info == nullptr) {
    Problem(extent, "a byte that is no pickle opcode");
    return false;
  }
  const size_t fixed = pickle::FixedSize(info->argument);
  const std::byte* argument = window_.At(at_, 1 + fixed);
  if (argument == nullptr) {
    Problem(extent, "the pickle ends inside an opcode");
    return false;
  }
  ++argument;
  if (!IsWeightsOnlyOpcode(static_cast<uint8_t>(info->code))) weights_only_.Refuse(info->name, opcode_);
  uint64_t length = LengthOf(argument, info->argument);
  uint64_t number = 0;
  if (fixed == 1) number = static_cast<uint8_t>(*argument);
  if (fixed == 2) number = LoadLittle<uint16_t>(argument);
  if (fixed == 4) number = LoadLittle<uint32_t>(argument);
  at_ += 1 + fixed;
  if (info->argument == Argument::kLine || info->argument == Argument::kTwoLines) {
    if (!Line(extent, &length)) return false;
  }
  if (length > window_.source().size() - at_) {
    Problem(extent, "a length beyond the end");
    return false;
  }
  const uint64_t text = at_;
  at_ += length + (info->argument == Argument::kLine || info->argument == Argument::kTwoLines ? 1 : 0);

  switch (info->code) {
    case Opcode::kProto:
      if (number > pickle::kLastProtocol) {
        Problem(extent, "an unknown protocol");
        return false;
      }
      return true;
    case Opcode::kFrame:
      if (LoadLittle<uint64_t>(argument) > window_.source().size() - at_) {
        Problem(extent, "a frame longer than what follows");
      }
      return true;
    case Opcode::kString:
    case Opcode::kUnicode:
      stack_.Push(Pack(kText, opcode_));
      Literal(extent, text, length, ScanLiteral::Coding::kEscaped);
      return true;
    case Opcode::kBinUnicode:
    case Opcode::kBinUnicode8:
    case Opcode::kShortBinUnicode:
      stack_.Push(Pack(kText, opcode_));
      Literal(extent, text, length, ScanLiteral::Coding::kUtf8);
      return true;
    case Opcode::kBinString:
    case Opcode::kShortBinString:
    case Opcode::kBinBytes:
    case Opcode::kShortBinBytes:
    case Opcode::kBinBytes8:
    case Opcode::kByteArray8:
      stack_.Push(Pack(kText, opcode_));
      Literal(extent, text, length, ScanLiteral::Coding::kRaw);
      return true;
    case Opcode::kGlobal:
    case Opcode::kInst: {
      const std::string module = ReadCut(window_, text, length);
      uint64_t name_length = 0;
      const uint64_t name_at = at_;
      if (!Line(extent, &name_length)) return false;
      at_ += name_length + 1;
      const std::string name = ReadCut(window_, name_at, name_length);
      const bool inst = info->code == Opcode::kInst;
      const Value value = Name(inst ? CodeSource::kInst : CodeSource::kGlobal, module, name, true);
      if (inst) {
        const size_t mark = PopMark(extent);
        const Value args = MakeTuple(mark);
        Truncate(mark);
        stack_.Push(Call(CodeCall::kInst, value, args));
      } else {
        stack_.Push(value);
      }
      return true;
    }
    case Opcode::kExt1:
    case Opcode::kExt2:
    case Opcode::kExt4:
      stack_.Push(Name(CodeSource::kExtension, "copyreg", "extension " + std::to_string(number), true));
      return true;
    case Opcode::kPut:
    case Opcode::kGet: {
      const std::string digits = ReadCut(window_, text, length);
      number = std::strtoull(digits.c_str(), nullptr, 10);
      break;
    }
    default: break;
  }
  switch (info->code) {
    case Opcode::kPut:
    case Opcode::kBinPut:
    case Opcode::kLongBinPut: Put(number); return true;
    case Opcode::kMemoize: Put(memo_count_); return true;
    case Opcode::kGet:
    case Opcode::kBinGet:
    case Opcode::kLongBinGet: stack_.Push(Get(number, extent)); return true;
    default: return StepStack(static_cast<uint8_t>(info->code), extent);
  }
}

// The opcodes that work on the stack alone, and those that push something that is of no interest here.
bool PickleScanner::StepStack(uint8_t byte, PickleExtent* extent) {
  switch (Opcode{byte}) {
    case Opcode::kStop:
      if (stack_.empty()) Problem(extent, "the stack is empty at STOP");
      extent->stopped = true;
      return false;
    case Opcode::kMark: marks_.Push(stack_.size()); return true;
    case Opcode::kPop:
      if (!marks_.empty() && marks_.back() >= stack_.size()) {
        PopMark(extent);
      } else {
        Pop(extent);
      }
      return true;
    case Opcode::kPopMark: Truncate(PopMark(extent)); return true;
    case Opcode::kDup:
      if (stack_.empty()) {
        Problem(extent, "the stack holds too few values");
        return true;
      }
      stack_.Push(stack_.back());
      return true;
    case Opcode::kAppend:
      Pop(extent);
      TakeItems("APPEND");
      return true;
    case Opcode::kSetItem:
      Pop(extent);
      Pop(extent);
      TakeItems("SETITEM");
      return true;
    case Opcode::kAppends:
    case Opcode::kAddItems:
    case Opcode::kSetItems:
      Truncate(PopMark(extent));
      TakeItems(Opcode{byte} == Opcode::kSetItems ? "SETITEMS" : "APPENDS");
      return true;
    case Opcode::kList:
    case Opcode::kDict:
    case Opcode::kFrozenSet:
      Truncate(PopMark(extent));
      stack_.Push(kOther);
      return true;
    case Opcode::kTuple: {
      const size_t mark = PopMark(extent);
      const Value tuple = MakeTuple(mark);
      Truncate(mark);
      stack_.Push(tuple);
      return true;
    }
    case Opcode::kTuple1:
    case Opcode::kTuple2:
    case Opcode::kTuple3: {
      const size_t count = byte - static_cast<size_t>(Opcode::kTuple1) + 1;
      if (stack_.size() < count) Problem(extent, "the stack holds too few values");
      const size_t first = stack_.size() - std::min(count, stack_.size());
      const Value tuple = MakeTuple(first);
      Truncate(first);
      stack_.Push(tuple);
      return true;
    }
    case Opcode::kReduce:
    case Opcode::kNewObj: {
      const Value args = Pop(extent);
      const Value callee = Pop(extent);
      stack_.Push(Call(Opcode{byte} == Opcode::kReduce ? CodeCall::kReduce : CodeCall::kNewObj, callee, args));
      return true;
    }
    case Opcode::kNewObjEx: {
      Pop(extent);
      const Value args = Pop(extent);
      const Value callee = Pop(extent);
      stack_.Push(Call(CodeCall::kNewObjEx, callee, args));
      return true;
    }
    case Opcode::kObj: {
      const size_t mark = PopMark(extent);
      if (mark >= stack_.size()) {
        Problem(extent, "there is no class above its MARK");
        stack_.Push(kOther);
        return true;
      }
      const Value callee = stack_[mark];
      Need(callee);
      const Value args = MakeTuple(mark + 1);
      Truncate(mark);
      stack_.Push(Call(CodeCall::kObj, callee, args));
      return true;
    }
    case Opcode::kBuild:
      Pop(extent);
      if (stack_.empty()) {
        Problem(extent, "the stack holds too few values");
      } else {
        Build(stack_.back());
      }
      return true;
    case Opcode::kBinPersId:
      Pop(extent);
      stack_.Push(kOther);
      return true;
    case Opcode::kStackGlobal: {
      const Value name = Pop(extent);
      const Value module = Pop(extent);
      stack_.Push(StackGlobal(module, name));
      return true;
    }
    case Opcode::kReadOnlyBuffer: return true;
    default: stack_.Push(kOther); return true;
  }
}

// The length of the text from at_ up to its newline.
bool PickleScanner::Line(PickleExtent* extent, uint64_t* length) {
  const uint64_t left = window_.source().size() - std::min(at_, window_.source().size());
  for (uint64_t most = 256;; most *= 16) {
    most = std::min({most, left, kLongestLine});
    left_.Spend(most / kBytesOfStep);
    const std::byte* text = window_.At(at_, static_cast<size_t>(most));
    if (text == nullptr) {
      Problem(extent, "it cannot be read further");
      return false;
    }
    if (const void* end = std::memchr(text, '\n', static_cast<size_t>(most)); end != nullptr) {
      *length = static_cast<uint64_t>(static_cast<const std::byte*>(end) - text);
      return true;
    }
    if (most == left || most == kLongestLine) {
      Problem(extent, "a line without an end");
      return false;
    }
  }
}

PickleScanner::Value PickleScanner::Pop(PickleExtent* extent) {
  const size_t fence = marks_.empty() ? 0 : static_cast<size_t>(marks_.back());
  if (stack_.size() <= fence) {
    Problem(extent, "the stack holds too few values");
    return kOther;
  }
  const Value value = stack_.back();
  stack_.Truncate(stack_.size() - 1);
  return value;
}

size_t PickleScanner::PopMark(PickleExtent* extent) {
  if (marks_.empty()) {
    Problem(extent, "there is no MARK on the stack");
    return stack_.size();
  }
  const auto mark = static_cast<size_t>(marks_.back());
  forgot_ = forgot_ || marks_.Forgot(marks_.size() - 1);
  marks_.Truncate(marks_.size() - 1);
  return std::min(mark, stack_.size());
}

// Of a tuple only the first items are kept, and only when something in them may come to be called.
PickleScanner::Value PickleScanner::MakeTuple(size_t first) {
  constexpr size_t kItems = 4;
  const size_t count = std::min(stack_.size() - std::min(first, stack_.size()), kItems);
  // (code, ...) for numpy.dtype, whose class depends on it.
  bool any = first > 0 && first <= stack_.size() && KindOf(stack_[first - 1]) == kNamed &&
             rows_[static_cast<size_t>(NumberOf(stack_[first - 1]))].name == "dtype";
  for (size_t i = 0; i < count; ++i) {
    const Kind kind = KindOf(stack_[first + i]);
    any = any || kind == kNamed || kind == kResult || kind == kForgotten;
  }
  if (!any) return kOther;
  const Value tuple = Pack(kTuple, tuples_.size());
  tuples_.Push(count);
  for (size_t i = 0; i < count; ++i) tuples_.Push(stack_[first + i]);
  return tuple;
}

PickleScanner::Value PickleScanner::ItemOf(Value tuple, size_t index) const {
  if (KindOf(tuple) != kTuple) return KindOf(tuple) == kForgotten ? tuple : Value{kOther};
  const auto at = static_cast<size_t>(NumberOf(tuple));
  if (tuples_.Forgot(at)) return Pack(kForgotten, 0);
  return index < tuples_[at] ? tuples_[at + 1 + index] : Value{kOther};
}

void PickleScanner::Put(uint64_t index) {
  if (index > memo_.size()) left_.Spend(kStepsOfFarMemo);
  const Value value = stack_.empty() ? Value{kOther} : stack_.back();
  if (index == memo_.size() && index < left_.memo) {
    memo_.Push(value);
    ++memo_count_;
  } else if (index < memo_.size()) {
    memo_[index] = value;
  } else if (const auto found = far_memo_.find(index); found != far_memo_.end()) {
    found->second = value;
  } else {
    ++memo_count_;
    if (far_memo_.size() < kMostFarMemo) {
      far_memo_.emplace(index, value);
    } else {
      memo_full_ = true;
    }
  }
}

PickleScanner::Value PickleScanner::Get(uint64_t index, PickleExtent* extent) {
  // An entry of the same number in the map was put there before the array grew past it.
  if (index < memo_.size()) return memo_[index];
  const auto found = far_memo_.find(index);
  if (found != far_memo_.end()) return found->second;
  if (memo_full_) return Pack(kForgotten, 0);
  Problem(extent, "nothing was stored under this memo number");
  return kOther;
}

void PickleScanner::Literal(PickleExtent* extent, uint64_t offset, uint64_t length, ScanLiteral::Coding coding) {
  constexpr uint64_t kShortest = 8;
  constexpr size_t kMost = 100'000;
  constexpr size_t kMostSources = 64;
  constexpr size_t kHead = 160;
  if (length < kShortest || extent->literals.size() == kMost) return;
  const auto head_length = static_cast<size_t>(std::min<uint64_t>(length, kHead));
  const std::byte* head = window_.At(offset, head_length);
  if (head == nullptr) return;
  const std::string_view text{reinterpret_cast<const char*>(head), head_length};
  if (BeginsLikeFile(text, coding)) extent->literals.push_back({offset, length, coding});
  if (extent->sources.size() < kMostSources && MayBeSource(text)) extent->sources.push_back({offset, length, coding});
}

}  // namespace pthview
