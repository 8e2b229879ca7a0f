#include "lib/formats/torch/torch_values.h"

#include <bit>
#include <unordered_map>

#include "lib/base/escape.h"
#include "lib/formats/torch/numpy_arrays.h"
#include "lib/formats/torch/readable_values.h"
#include "lib/pickle/print.h"

namespace pthview {

using pickle::Kind;
using pickle::Object;
using pickle::Pair;
using pickle::Value;
using enum GlobalKind;

namespace {

bool IsDictClass(GlobalKind kind) {
  return kind == kOrderedDict || kind == kDefaultDict || kind == kCounter || kind == kDict;
}

}  // namespace

std::string ClassName::Full() const {
  std::string full(module);
  if (!full.empty()) full += '.';
  return EscapeName(full += name);
}

GlobalKind TorchValues::KindOf(Value callable) const {
  return callable.Is(Kind::kGlobal) ? file_.meanings[callable.index].kind : kUnknown;
}

GlobalKind TorchValues::ObjectKind(Value value) const {
  return value.Is(Kind::kObject) ? KindOf(tree_.ObjectOf(value).callable) : kUnknown;
}

std::optional<std::span<const Pair>> TorchValues::Pairs(Value value) {
  if (!value.Is(Kind::kDict) && !value.Is(Kind::kObject)) return std::nullopt;
  if (value.Is(Kind::kObject)) {
    const Object& object = tree_.ObjectOf(value);
    // Most objects are tensors: say no to them before anything is looked up.
    if (tree_.DictItemsOf(object).empty() && !IsDictClass(KindOf(object.callable))) return std::nullopt;
  }
  uint64_t identity = pickle::Tree::Identity(value);
  auto found = known_.find(identity);
  if (found == known_.end()) found = known_.emplace(identity, FindPairs(value)).first;
  return found->second;
}

std::optional<std::span<const Pair>> TorchValues::FindPairs(Value value) {
  if (value.Is(Kind::kDict)) return EachKeyOnce(tree_.Dict(value));
  const Object& object = tree_.ObjectOf(value);
  std::span<const Pair> added = tree_.DictItemsOf(object);
  GlobalKind kind = KindOf(object.callable);
  if (!IsDictClass(kind)) {
    // A subclass of dict: it has had items set on it and no other state.
    if (added.empty() || tree_.StateOf(object) != nullptr) return std::nullopt;
    return EachKeyOnce(added);
  }
  auto args = tree_.Sequence(object.args);
  Value initial = kind == kDefaultDict ? (args.size() > 1 ? args[1] : Value{}) : (args.empty() ? Value{} : args[0]);
  if (!initial.Is(Kind::kDict) && !initial.Is(Kind::kList) && !initial.Is(Kind::kTuple)) return EachKeyOnce(added);
  // OrderedDict([[key, value], ...]), as Python 2 pickled it, or Counter({...}).
  auto& pairs = made_.emplace_back();
  if (initial.Is(Kind::kDict)) {
    for (const Pair& pair : tree_.Dict(initial)) pairs.push_back(pair);
  } else {
    for (Value item : tree_.Sequence(initial)) {
      auto both = tree_.Sequence(item);
      if (both.size() == 2) pairs.push_back(Pair{both[0], both[1]});
    }
  }
  pairs.insert(pairs.end(), added.begin(), added.end());
  return EachKeyOnce(pairs);
}

std::span<const Pair> TorchValues::EachKeyOnce(std::span<const Pair> pairs) {
  if (pairs.size() < 2) return pairs;
  // Hashes first: nearly all dicts have no key twice, and need no copy. Half a hash tells where, the other half
  // whether.
  std::vector<uint32_t> slots(std::bit_ceil(pairs.size() * 2), 0);
  auto hash = [this](Value key) {
    return key.IsText() ? hash_(key.Text())
                        : hash_(static_cast<uint64_t>(key.integer) * 31 + static_cast<uint64_t>(key.kind));
  };
  auto same = [](Value a, Value b) {
    if (a.IsText() && b.IsText()) return a.kind == b.kind && a.Text() == b.Text();
    return a.kind == b.kind && a.integer == b.integer;
  };
  bool repeated = false;
  for (const Pair& pair : pairs) {
    const uint64_t h = hash(pair.first);
    const auto tag = static_cast<uint32_t>(h >> 32) | 1;
    size_t at = h & (slots.size() - 1);
    while (slots[at] != 0 && slots[at] != tag) at = (at + 1) & (slots.size() - 1);
    if (slots[at] == tag) {
      repeated = true;
      break;
    }
    slots[at] = tag;
  }
  if (!repeated) return pairs;
  auto& once = made_.emplace_back();
  std::unordered_multimap<uint64_t, size_t> places;
  for (const Pair& pair : pairs) {
    auto [from, to] = places.equal_range(hash(pair.first));
    while (from != to && !same(once[from->second].first, pair.first)) ++from;
    if (from != to) {
      once[from->second].second = pair.second;
    } else {
      places.emplace(hash(pair.first), once.size());
      once.push_back(pair);
    }
  }
  return once;
}

std::optional<std::span<const Value>> TorchValues::Items(Value value) const {
  if (value.Is(Kind::kTuple)) return tree_.Tuple(value);
  if (value.Is(Kind::kList) || value.Is(Kind::kSet)) return tree_.List(value);
  if (!value.Is(Kind::kObject)) return std::nullopt;
  const Object& object = tree_.ObjectOf(value);
  auto args = tree_.Sequence(object.args);
  switch (KindOf(object.callable)) {
    case kSet:
    case kFrozenSet:
    case kList:
    case kTuple:
    case kIntList:
    case kDoubleList:
    case kBoolList:
    case kTensorList:
      if (args.empty() || args[0].Is(Kind::kObject)) return std::span<const Value>{};
      return tree_.Sequence(args[0]);
    default: return std::nullopt;
  }
}

bool TorchValues::IsScalar(Value value) {
  switch (value.kind) {
    case Kind::kNone:
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kBigInt:
    case Kind::kFloat:
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kByteArray: return true;
    default: return false;
  }
}

PlainKind TorchValues::PlainKindOf(Value value) {
  switch (value.kind) {
    case Kind::kNone: return PlainKind::kNone;
    case Kind::kBool: return PlainKind::kBool;
    case Kind::kInt:
    case Kind::kBigInt: return PlainKind::kInt;
    case Kind::kFloat: return PlainKind::kFloat;
    case Kind::kString: return PlainKind::kString;
    case Kind::kBytes: return value.flag ? PlainKind::kString : PlainKind::kBytes;
    case Kind::kByteArray: return PlainKind::kBytes;
    case Kind::kTuple:
    case Kind::kList: return PlainKind::kSequence;
    default: return PlainKind::kObject;
  }
}

std::string TorchValues::SimpleText(Value value) const {
  if (value.Is(Kind::kGlobal)) {
    const pickle::Global& global = tree_.GlobalOf(value);
    return ClassName{global.module, global.name, {}}.Full();
  }
  if (!value.Is(Kind::kObject)) return {};
  const Object& object = tree_.ObjectOf(value);
  auto args = tree_.Sequence(object.args);
  switch (KindOf(object.callable)) {
    case kDevice: {
      if (args.empty() || !args[0].IsText()) return {};
      std::string text = EscapeName(args[0].Text());
      if (args.size() > 1 && args[1].Is(Kind::kInt)) text += ":" + std::to_string(args[1].integer);
      return text;
    }
    case kSize: return args.size() == 1 ? "torch.Size(" + pickle::Print(tree_, args[0]) + ")" : std::string();
    case kComplex: return "complex" + pickle::Print(tree_, object.args);
    case kNumpyScalar: {
      std::string text = NumpyScalarText(tree_, file_.meanings, value);
      return text.empty() ? ReadableText(tree_, file_.meanings, value) : text;
    }
    case kNumpyDType: return args.empty() || !args[0].IsText() ? std::string() : "numpy." + EscapeName(args[0].Text());
    case kGetLayout: return args.empty() || !args[0].IsText() ? std::string() : EscapeName(args[0].Text());
    case kCodecsEncode:
    case kByteArray: {
      auto bytes = BytesOf(tree_, file_.meanings, value);
      if (!bytes) return {};
      return EscapeName({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    }
    case kUnknown:
    case kReconstructor:
    case kNewObject: return ReadableText(tree_, file_.meanings, value);
    default: return {};
  }
}

ClassName TorchValues::ClassOf(Value value) const {
  if (!value.Is(Kind::kObject)) return {};
  const Object& object = tree_.ObjectOf(value);
  Value type = object.callable;
  GlobalKind kind = KindOf(type);
  if (kind == kReconstructor || kind == kNewObject) {
    auto args = tree_.Sequence(object.args);
    if (!args.empty()) type = args[0];
  }
  ClassName result;
  if (type.Is(Kind::kPersistent)) {
    auto id = ParseModuleSourceId(tree_, tree_.PersistentId(type));
    if (!id) return {};
    result.source = id->source;
    type = id->class_name;
  }
  if (type.Is(Kind::kGlobal)) {
    result.module = tree_.GlobalOf(type).module;
    result.name = tree_.GlobalOf(type).name;
  }
  return result;
}

std::optional<std::span<const Pair>> TorchValues::Attributes(const Object& object) {
  const Value* state = tree_.StateOf(object);
  if (state == nullptr) return std::nullopt;
  if (auto pairs = Pairs(*state)) return pairs;
  if (!state->Is(Kind::kTuple) || tree_.Tuple(*state).size() != 2) return std::nullopt;
  auto [known, is_new] = slots_.try_emplace(pickle::Tree::Identity(*state));
  if (is_new) known->second = FindSlots(*state);
  return known->second;
}

std::optional<std::span<const Pair>> TorchValues::FindSlots(Value state) {
  auto both = tree_.Tuple(state);
  auto attributes = Pairs(both[0]);
  auto slots = Pairs(both[1]);
  const bool no_attributes = both[0].Is(Kind::kNone);
  const bool no_slots = both[1].Is(Kind::kNone);
  if (!(attributes || no_attributes) || !(slots || no_slots) || (no_attributes && no_slots)) return std::nullopt;
  if (!slots || slots->empty()) return attributes;
  if (!attributes || attributes->empty()) return slots;
  auto& made = made_.emplace_back(attributes->begin(), attributes->end());
  made.insert(made.end(), slots->begin(), slots->end());
  return EachKeyOnce(made);
}

const Value* TorchValues::Find(std::span<const Pair> pairs, std::string_view key) {
  for (const Pair& pair : pairs) {
    if (pair.first.IsText() && pair.first.Text() == key) return &pair.second;
  }
  return nullptr;
}

const Value* TorchValues::FindLast(std::span<const Pair> pairs, std::string_view key) {
  const Value* found = nullptr;
  for (const Pair& pair : pairs) {
    if (pair.first.IsText() && pair.first.Text() == key) found = &pair.second;
  }
  return found;
}

}  // namespace pthview
