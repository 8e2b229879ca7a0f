// The parts of the machine's stack and memo that are not in its inner loop.
#include "lib/pickle/machine_state.h"

namespace pthview::pickle {

// POP takes a MARK away where that is what stands on top.
bool Machine::PopOrPopMark() {
  if (Depth() > 0) {
    Pop();
    return true;
  }
  if (marks_.empty()) return Underflow();
  size_t mark = 0;
  return PopMark(&mark);
}

bool Machine::PutFar(uint64_t index) {
  const Value value = stack_.back();
  const bool known = (index < memo_.size() && memo_[index].kind != kUnset) || far_memo_.contains(index);
  if (!known) ++memo_count_;
  if (index >= memo_.size()) {
    if (index > Position()) {
      far_memo_[index] = value;
      return true;
    }
    Value unset;
    unset.kind = kUnset;
    while (memo_.size() <= index) memo_.Push(unset);
  }
  // An entry of the same number in the map is older, since Position() only grows; Get asks the array first.
  memo_[index] = value;
  return true;
}

bool Machine::GetFar(uint64_t index) {
  const auto found = far_memo_.find(index);
  if (found == far_memo_.end()) {
    return Fail(ErrorCode::kCorrupt, "nothing was stored under memo number " + std::to_string(index));
  }
  Push(found->second);
  return true;
}

bool Machine::PutText() {
  uint64_t index = 0;
  return LineNumber(&index) && Put(index);
}

bool Machine::GetText() {
  uint64_t index = 0;
  return LineNumber(&index) && Get(index);
}

}  // namespace pthview::pickle
