// Looking at pickled values as Python would see them: dict-like, list-like, a class, a scalar. Nothing is made or
// called.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/text_hash.h"
#include "lib/formats/torch/torch_tensors.h"
#include "lib/pickle/value.h"

namespace pthview {

// The class (or function) behind an object that was not made.
struct ClassName {
  std::string_view module;
  std::string_view name;
  std::string_view source;  // source text, in files that carry it
  bool known() const { return !name.empty(); }
  std::string Full() const;  // "torch.nn.modules.conv.Conv2d", in escaped form
};

class TorchValues {
 public:
  explicit TorchValues(const TorchPickle& file) : file_(file), tree_(file.tree) {}

  const pickle::Tree& tree() const { return tree_; }

  GlobalKind KindOf(pickle::Value callable) const;
  // Of an object: its callable's kind; kUnknown for anything else.
  GlobalKind ObjectKind(pickle::Value value) const;

  // Key/value pairs of a dict, OrderedDict, defaultdict, Counter or dict subclass, each key once (the last value wins,
  // at the place of the first, as in Python). nullopt for anything else. The span lives as long as this object.
  std::optional<std::span<const pickle::Pair>> Pairs(pickle::Value value);

  // Items of a list, tuple, set, frozenset or a typed list of TorchScript; nullopt for anything else.
  std::optional<std::span<const pickle::Value>> Items(pickle::Value value) const;

  // None, bool, int, float, text, bytes.
  static bool IsScalar(pickle::Value value);
  // What a scalar, list or tuple is as a plain value; kObject for anything else. Bytes of Python 2 are text.
  static PlainKind PlainKindOf(pickle::Value value);

  // Something that is shown as one value though it is an object: torch.device, torch.Size, complex, a NumPy scalar,
  // bytes, a dtype. Empty when it is none of these.
  std::string SimpleText(pickle::Value value) const;

  // The class of an object; for a plain function call, the function.
  ClassName ClassOf(pickle::Value object) const;

  // The attributes that BUILD would have set: the state when it is dict-like, or both of a (dict or None, slots) pair,
  // as objects of classes with __slots__ have it.
  std::optional<std::span<const pickle::Pair>> Attributes(const pickle::Object& object);
  std::optional<std::span<const pickle::Pair>> AttributesOf(pickle::Value value) {
    if (!value.Is(pickle::Kind::kObject)) return std::nullopt;
    return Attributes(tree_.ObjectOf(value));
  }
  // The value of a text key; null when absent.
  static const pickle::Value* Find(std::span<const pickle::Pair> pairs, std::string_view key);
  // The same, of pairs that may name a key twice: the last one counts, as in Python.
  static const pickle::Value* FindLast(std::span<const pickle::Pair> pairs, std::string_view key);

 private:
  std::optional<std::span<const pickle::Pair>> FindPairs(pickle::Value value);
  std::span<const pickle::Pair> EachKeyOnce(std::span<const pickle::Pair> pairs);
  std::optional<std::span<const pickle::Pair>> FindSlots(pickle::Value state);

  const TorchPickle& file_;
  const pickle::Tree& tree_;
  TextHash hash_;
  std::deque<std::vector<pickle::Pair>> made_;  // pairs that had to be put together
  std::unordered_map<uint64_t, std::optional<std::span<const pickle::Pair>>> known_;  // answers of Pairs, by identity
  std::unordered_map<uint64_t, std::optional<std::span<const pickle::Pair>>> slots_;  // the same for pairs of a state
};

}  // namespace pthview
