#include "lib/pickle/value.h"

namespace pthview::pickle {

std::span<const Value> Tree::ListAt(uint32_t index) const {
  const Slice& slice = lists_[index];
  return std::span<const Value>(list_items_).subspan(slice.first, slice.count);
}

std::span<const Pair> Tree::DictAt(uint32_t index) const {
  const Slice& slice = dicts_[index];
  return std::span<const Pair>(dict_items_).subspan(slice.first, slice.count);
}

std::span<const Value> Tree::Tuple(Value v) const {
  if (!v.Is(Kind::kTuple)) return {};
  const TupleSlice& slice = tuples_[v.index];
  return std::span<const Value>(tuple_items_).subspan(slice.first, slice.count);
}

std::span<const Value> Tree::List(Value v) const {
  if (!v.Is(Kind::kList) && !v.Is(Kind::kSet)) return {};
  return ListAt(v.index);
}

std::span<const Pair> Tree::Dict(Value v) const {
  if (!v.Is(Kind::kDict)) return {};
  return DictAt(v.index);
}

const Value* Tree::StateOf(const Object& object) const {
  const Extra* extra = ExtraOf(object);
  return extra != nullptr && extra->has_state ? &extra->state : nullptr;
}

std::span<const Value> Tree::StateItemsOf(const Object& object) const {
  const Value* state = StateOf(object);
  return state == nullptr ? std::span<const Value>() : Sequence(*state);
}

std::span<const Value> Tree::ItemsOf(const Object& object) const {
  const Extra* extra = ExtraOf(object);
  if (extra == nullptr || extra->items == 0) return {};
  return ListAt(extra->items - 1);
}

std::span<const Pair> Tree::DictItemsOf(const Object& object) const {
  const Extra* extra = ExtraOf(object);
  if (extra == nullptr || extra->dict_items == 0) return {};
  return DictAt(extra->dict_items - 1);
}

Value Tree::KwargsOf(const Object& object) const {
  const Extra* extra = ExtraOf(object);
  return extra == nullptr ? Value() : extra->kwargs;
}

std::span<const Value> Tree::EarlierStatesOf(const Object& object) const {
  const Extra* extra = ExtraOf(object);
  if (extra == nullptr || extra->earlier_states == 0) return {};
  return ListAt(extra->earlier_states - 1);
}

std::span<const Value> Tree::Sequence(Value v) const {
  if (v.Is(Kind::kTuple)) return Tuple(v);
  if (v.Is(Kind::kList)) return ListAt(v.index);
  return {};
}

uint64_t Tree::Identity(Value v) {
  switch (v.kind) {
    case Kind::kTuple:
    case Kind::kList:
    case Kind::kDict:
    case Kind::kSet:
    case Kind::kObject:
    case Kind::kPersistent: return (static_cast<uint64_t>(v.kind) << 32) | v.index;
    default: return 0;
  }
}

}  // namespace pthview::pickle
