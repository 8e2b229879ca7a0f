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

std::span<const Value> Tree::ItemsOf(const Object& object) const {
  if (object.items == 0) return {};
  return ListAt(object.items - 1);
}

std::span<const Pair> Tree::DictItemsOf(const Object& object) const {
  if (object.dict_items == 0) return {};
  return DictAt(object.dict_items - 1);
}

Value Tree::KwargsOf(const Object& object) const {
  return object.extra == 0 ? Value() : extras_[object.extra - 1].kwargs;
}

std::span<const Value> Tree::EarlierStatesOf(const Object& object) const {
  if (object.extra == 0 || extras_[object.extra - 1].earlier_states == 0) return {};
  return ListAt(extras_[object.extra - 1].earlier_states - 1);
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
