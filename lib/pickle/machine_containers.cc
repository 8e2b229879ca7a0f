// Lists, sets and dicts. Their items stand in one pool each: a container has a slice of it, which is extended in place
// while it is the pool's last and moved to the end, with room for as much again, when it is not.
#include <algorithm>
#include <cstring>

#include "lib/pickle/machine_state.h"

namespace pthview::pickle {
namespace {

// Room for `count` more items at the end of `slice`; the memory is uninitialized.
template <typename T, typename Slice>
T* ExtendSlice(Pool<T>& pool, Slice& slice, size_t count) {
  const size_t wanted = size_t{slice.count} + count;
  if (wanted > slice.capacity) {
    if (size_t{slice.first} + slice.capacity == pool.size()) {
      pool.Extend(wanted - slice.capacity);
      slice.capacity = static_cast<uint32_t>(wanted);
    } else {
      const size_t capacity = slice.count == 0 ? wanted : std::max(wanted, size_t{slice.count} * 2);
      const size_t first = pool.size();
      T* to = pool.Extend(capacity);
      if (slice.count != 0) std::memcpy(static_cast<void*>(to), &pool[slice.first], slice.count * sizeof(T));
      slice.first = static_cast<uint32_t>(first);
      slice.capacity = static_cast<uint32_t>(capacity);
    }
  }
  T* at = pool.data() + slice.first + slice.count;
  slice.count = static_cast<uint32_t>(wanted);
  return at;
}

}  // namespace

void Machine::FoldList(Kind kind, bool flag, size_t first) {
  const uint32_t list = NewList();
  AppendTo(list, {stack_.data() + first, stack_.size() - first});
  stack_.Truncate(first);
  Push(Make(kind, list, flag));
}

bool Machine::FoldDict(size_t first) {
  const Value dict = Make(Kind::kDict, NewDict());
  if (!AddToDict(dict, {stack_.data() + first, stack_.size() - first})) return false;
  stack_.Truncate(first);
  Push(dict);
  return true;
}

void Machine::AppendTo(uint32_t list, std::span<const Value> items) {
  if (items.empty()) return;
  Value* to = ExtendSlice(tree_.list_items_, tree_.lists_[list], items.size());
  std::memcpy(static_cast<void*>(to), items.data(), items.size_bytes());
}

// APPEND, APPENDS. Python calls the extend or append of whatever it is, so objects keep what they were given.
bool Machine::AddToList(Value target, std::span<const Value> items) {
  if (target.Is(Kind::kList)) {
    AppendTo(target.index, items);
    return true;
  }
  return AddToObject(target, items);
}

// ADDITEMS.
bool Machine::AddToSet(Value target, std::span<const Value> items) {
  if (target.Is(Kind::kSet) && !target.flag) {
    AppendTo(target.index, items);
    return true;
  }
  return AddToObject(target, items);
}

bool Machine::AddToObject(Value target, std::span<const Value> items) {
  if (!target.Is(Kind::kObject)) return WrongKind(target);
  if (items.empty()) return true;
  Tree::Extra& extra = ExtraOf(target);
  if (extra.items == 0) extra.items = NewList() + 1;
  AppendTo(extra.items - 1, items);
  return true;
}

// SETITEM, SETITEMS, DICT: key, value, key, value, ...
bool Machine::AddToDict(Value target, std::span<const Value> keys_and_values) {
  if (!target.Is(Kind::kDict) && !target.Is(Kind::kObject)) return WrongKind(target);
  if (keys_and_values.size() % 2 != 0) return Fail(ErrorCode::kCorrupt, "the last key has no value");
  if (keys_and_values.empty()) return true;
  uint32_t dict = target.index;
  if (target.Is(Kind::kObject)) {
    Tree::Extra& extra = ExtraOf(target);
    if (extra.dict_items == 0) extra.dict_items = NewDict() + 1;
    dict = extra.dict_items - 1;
  }
  static_assert(sizeof(Pair) == 2 * sizeof(Value));
  Pair* to = ExtendSlice(tree_.dict_items_, tree_.dicts_[dict], keys_and_values.size() / 2);
  std::memcpy(static_cast<void*>(to), keys_and_values.data(), keys_and_values.size_bytes());
  return true;
}

}  // namespace pthview::pickle
