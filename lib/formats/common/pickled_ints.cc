#include "lib/formats/common/pickled_ints.h"

#include <algorithm>
#include <span>

namespace pthview {

using pickle::Kind;
using pickle::Tree;
using pickle::Value;

namespace {

bool Append(std::span<const Value> items, std::vector<int64_t>* out) {
  for (Value item : items) {
    if (!item.Is(Kind::kInt)) return false;
    out->push_back(item.integer);
  }
  return true;
}

bool IsSequence(Value value) { return value.Is(Kind::kTuple) || value.Is(Kind::kList); }

}  // namespace

Value OnlyArgument(const Tree& tree, Value value) {
  if (!value.Is(Kind::kObject)) return value;
  auto args = tree.Sequence(tree.ObjectOf(value).args);
  return args.size() == 1 ? args[0] : value;
}

bool AppendSizes(const Tree& tree, Value sequence, std::vector<int64_t>* out) {
  if (!IsSequence(sequence)) return false;
  auto items = tree.Sequence(sequence);
  return Append(items.first(std::min(items.size(), ModelBuilder::kMaxRank + 1)), out);
}

std::optional<std::vector<int64_t>> IntsOf(const Tree& tree, Value value, size_t most) {
  value = OnlyArgument(tree, value);
  if (!IsSequence(value)) return std::nullopt;
  auto items = tree.Sequence(value);
  if (items.size() > most) return std::nullopt;
  std::vector<int64_t> ints;
  ints.reserve(items.size());
  if (!Append(items, &ints)) return std::nullopt;
  return ints;
}

}  // namespace pthview
