#include "lib/pickle/machine.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "lib/pickle/machine_state.h"

namespace pthview::pickle {

Machine::Machine(std::span<const std::byte> bytes, uint64_t total, const ReadOptions& options)
    : begin_(bytes.data()),
      at_(begin_),
      end_(begin_ + bytes.size()),
      opcode_(begin_),
      total_(total),
      options_(options) {
  tree_.tuples_.Push({});  // number 0 is the empty tuple, of which there is one in Python too
}

Tree Machine::TakeTree(std::vector<std::byte> bytes) && {
  tree_.bytes_ = std::move(bytes);
  return std::move(tree_);
}

// One switch, in the order of opcodes.h; the frequent opcodes are inline, the others in the machine_*.cc files.
bool Machine::Run() {
  size_t mark = 0;
  for (;;) {
    opcode_ = at_;
    if (at_ == end_) [[unlikely]]
      return CutShort(1);
    const auto byte = static_cast<uint8_t>(*at_++);
    if (Left() < kFixedSizes[byte]) [[unlikely]]
      return CutShort(kFixedSizes[byte] - Left());
    bool ok = true;
    switch (Opcode{byte}) {
      case Opcode::kMark:
        fence_ = stack_.size();
        marks_.Push(static_cast<uint32_t>(fence_));
        break;
      case Opcode::kStop:
        if (Depth() == 0) [[unlikely]]
          return Underflow();
        tree_.root = Pop();
        tree_.end = Position();
        return true;
      case Opcode::kPop: ok = PopOrPopMark(); break;
      case Opcode::kPopMark:
        ok = PopMark(&mark);
        if (ok) stack_.Truncate(mark);
        break;
      case Opcode::kDup:
        if (Depth() == 0) [[unlikely]]
          return Underflow();
        Push(stack_.back());
        break;
      case Opcode::kFloat: ok = FloatText(); break;
      case Opcode::kInt: ok = IntText(false); break;
      case Opcode::kBinInt: PushInt(Take<int32_t>()); break;
      case Opcode::kBinInt1: PushInt(Take<uint8_t>()); break;
      case Opcode::kLong: ok = IntText(true); break;
      case Opcode::kBinInt2: PushInt(Take<uint16_t>()); break;
      case Opcode::kNone: Push({}); break;
      case Opcode::kPersId: ok = PersIdText(); break;
      case Opcode::kBinPersId:
        if (Depth() == 0) [[unlikely]]
          return Underflow();
        tree_.persistent_.Push(Pop());
        Push(Make(Kind::kPersistent, static_cast<uint32_t>(tree_.persistent_.size() - 1)));
        break;
      case Opcode::kReduce:
      case Opcode::kNewObj: {
        if (Depth() < 2) [[unlikely]]
          return Underflow();
        const Value args = Pop();
        const Value callable = Pop();
        PushObject(Opcode{byte} == Opcode::kReduce ? Object::Made::kReduce : Object::Made::kNew, callable, args);
        break;
      }
      case Opcode::kString: ok = StringText(); break;
      case Opcode::kBinString: {
        const auto length = Take<int32_t>();
        if (length < 0) [[unlikely]]
          return Fail(ErrorCode::kCorrupt, "a length below zero");
        ok = Counted(Kind::kBytes, true, static_cast<uint64_t>(length));
        break;
      }
      case Opcode::kShortBinString: ok = Counted(Kind::kBytes, true, Take<uint8_t>()); break;
      case Opcode::kUnicode: ok = UnicodeText(); break;
      case Opcode::kBinUnicode: ok = Counted(Kind::kString, false, Take<uint32_t>()); break;
      case Opcode::kAppend: {
        if (Depth() < 2) [[unlikely]]
          return Underflow();
        const Value item = Pop();
        ok = AddToList(stack_.back(), {&item, 1});
        break;
      }
      case Opcode::kBuild: ok = Build(); break;
      case Opcode::kGlobal: ok = GlobalText(); break;
      case Opcode::kDict: ok = PopMark(&mark) && FoldDict(mark); break;
      case Opcode::kEmptyDict: Push(Make(Kind::kDict, NewDict())); break;
      case Opcode::kAppends:
      case Opcode::kAddItems:
      case Opcode::kSetItems: {
        if (!PopMark(&mark)) [[unlikely]]
          return false;
        if (mark == fence_) [[unlikely]]
          return Underflow();
        const std::span<const Value> items{stack_.data() + mark, stack_.size() - mark};
        const Value target = stack_[mark - 1];
        ok = Opcode{byte} == Opcode::kAppends    ? AddToList(target, items)
             : Opcode{byte} == Opcode::kAddItems ? AddToSet(target, items)
                                                 : AddToDict(target, items);
        stack_.Truncate(mark);
        break;
      }
      case Opcode::kGet: ok = GetText(); break;
      case Opcode::kBinGet: ok = Get(Take<uint8_t>()); break;
      case Opcode::kInst: ok = Inst(); break;
      case Opcode::kLongBinGet: ok = Get(Take<uint32_t>()); break;
      case Opcode::kList:
        ok = PopMark(&mark);
        if (ok) FoldList(Kind::kList, false, mark);
        break;
      case Opcode::kEmptyList: Push(Make(Kind::kList, NewList())); break;
      case Opcode::kObj: ok = Obj(); break;
      case Opcode::kPut: ok = PutText(); break;
      case Opcode::kBinPut: ok = Put(Take<uint8_t>()); break;
      case Opcode::kLongBinPut: ok = Put(Take<uint32_t>()); break;
      case Opcode::kSetItem:
        if (Depth() < 3) [[unlikely]]
          return Underflow();
        ok = AddToDict(stack_[stack_.size() - 3], {stack_.data() + stack_.size() - 2, 2});
        stack_.Truncate(stack_.size() - 2);
        break;
      case Opcode::kTuple:
        ok = PopMark(&mark);
        if (ok) FoldTuple(mark);
        break;
      case Opcode::kEmptyTuple: Push(Make(Kind::kTuple, 0)); break;
      case Opcode::kBinFloat: {  // the one big-endian number of the format
        Value value;
        value.kind = Kind::kFloat;
        value.real = std::bit_cast<double>(__builtin_bswap64(Take<uint64_t>()));
        Push(value);
        break;
      }
      case Opcode::kProto:
        if (const auto protocol = Take<uint8_t>(); protocol > kLastProtocol) [[unlikely]] {
          return Fail(ErrorCode::kUnsupported, "pickle protocol " + std::to_string(protocol),
                      "protocols 0 to 5 are known; is this a pickle?");
        }
        break;
      case Opcode::kExt1: ok = Extension(Take<uint8_t>()); break;
      case Opcode::kExt2: ok = Extension(Take<uint16_t>()); break;
      case Opcode::kExt4: ok = Extension(Take<int32_t>()); break;
      case Opcode::kTuple1:
      case Opcode::kTuple2:
      case Opcode::kTuple3: {
        const size_t count = byte - static_cast<size_t>(Opcode::kTuple1) + 1;
        if (Depth() < count) [[unlikely]]
          return Underflow();
        FoldTuple(stack_.size() - count);
        break;
      }
      case Opcode::kNewTrue: PushBool(true); break;
      case Opcode::kNewFalse: PushBool(false); break;
      case Opcode::kLong1: ok = BigInt(Take<uint8_t>()); break;
      case Opcode::kLong4: {
        const auto length = Take<int32_t>();
        if (length < 0) [[unlikely]]
          return Fail(ErrorCode::kCorrupt, "a length below zero");
        ok = BigInt(static_cast<uint64_t>(length));
        break;
      }
      case Opcode::kBinBytes: ok = Counted(Kind::kBytes, false, Take<uint32_t>()); break;
      case Opcode::kShortBinBytes: ok = Counted(Kind::kBytes, false, Take<uint8_t>()); break;
      case Opcode::kShortBinUnicode: ok = Counted(Kind::kString, false, Take<uint8_t>()); break;
      case Opcode::kBinUnicode8: ok = Counted(Kind::kString, false, Take<uint64_t>()); break;
      case Opcode::kBinBytes8: ok = Counted(Kind::kBytes, false, Take<uint64_t>()); break;
      case Opcode::kEmptySet: Push(Make(Kind::kSet, NewList())); break;
      case Opcode::kFrozenSet:
        ok = PopMark(&mark);
        if (ok) FoldList(Kind::kSet, true, mark);
        break;
      case Opcode::kNewObjEx: ok = NewObjEx(); break;
      case Opcode::kStackGlobal: ok = StackGlobal(); break;
      case Opcode::kMemoize: ok = Put(memo_count_); break;
      case Opcode::kFrame:  // a hint for how much to read at once; nothing hangs on its truth
        Take<uint64_t>();
        break;
      case Opcode::kByteArray8: ok = Counted(Kind::kByteArray, false, Take<uint64_t>()); break;
      case Opcode::kNextBuffer: Push(Make(Kind::kBuffer, buffers_++)); break;
      case Opcode::kReadOnlyBuffer: ok = ReadOnlyBuffer(); break;
      default: return UnknownOpcode(byte);
    }
    if (!ok) [[unlikely]]
      return false;
  }
}

}  // namespace pthview::pickle
