// The state of the pickle machine while it runs, for the machine_*.cc files only; users include machine.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/pickle/machine.h"
#include "lib/pickle/opcodes.h"
#include "lib/pickle/pool.h"
#include "lib/pickle/value.h"

namespace pthview::pickle {

// Runs over `bytes`, which the caller keeps in place: text in the tree points into them. `total` is how many bytes the
// input really has; when `bytes` is only its beginning and the pickle goes on behind that, Run fails and needed() tells
// how many bytes to come back with.
class Machine {
 public:
  Machine(std::span<const std::byte> bytes, uint64_t total, const ReadOptions& options);

  // Up to STOP. False on an error; see TakeError.
  bool Run();
  // The tree takes over the bytes that it points into.
  Tree TakeTree(std::vector<std::byte> bytes) &&;
  Error TakeError() && { return std::move(error_); }
  // 0 when more bytes would not help.
  uint64_t needed() const { return needed_; }

 private:
  // All of these return false after recording an error.
  [[gnu::cold]] bool Fail(ErrorCode code, std::string message, std::string hint = {});
  [[gnu::cold]] bool Underflow();
  [[gnu::cold]] bool WrongKind(Value target);
  [[gnu::cold]] bool UnknownOpcode(uint8_t byte);
  [[gnu::cold]] bool TooLong();
  [[gnu::cold]] bool CutShort(uint64_t missing);  // the input would have to have `missing` bytes more than bytes_

  // machine_stack.cc: stack, memo.
  bool PopOrPopMark();
  bool PutFar(uint64_t index);
  bool GetFar(uint64_t index);
  bool PutText();
  bool GetText();

  // machine_text.cc: everything whose argument is text, and big integers.
  bool Line(std::string_view* line, uint64_t limit);
  bool LineNumber(uint64_t* number);
  bool BigInt(uint64_t length);
  bool IntText(bool long_suffix);
  bool FloatText();
  bool StringText();
  bool UnicodeText();
  bool PersIdText();

  // machine_objects.cc: what would import or call.
  bool GlobalText();
  bool StackGlobal();
  uint32_t Intern(std::string_view module, std::string_view name);
  void PushObject(Object::Made made, Value callable, Value args);
  Tree::Extra& ExtraOf(Value object);  // a kObject
  bool Inst();
  bool Obj();
  bool NewObjEx();
  bool Build();
  bool PassOverRaw(Value object);
  bool Extension(int64_t code);
  bool ReadOnlyBuffer();

  // machine_containers.cc: lists, sets, dicts.
  void FoldList(Kind kind, bool flag, size_t first);  // stack_[first...] becomes a list or set
  bool FoldDict(size_t first);
  void AppendTo(uint32_t list, std::span<const Value> items);
  bool AddToList(Value target, std::span<const Value> items);
  bool AddToSet(Value target, std::span<const Value> items);
  bool AddToObject(Value target, std::span<const Value> items);
  bool AddToDict(Value target, std::span<const Value> keys_and_values);
  uint32_t NewList() {
    tree_.lists_.Push({});
    return static_cast<uint32_t>(tree_.lists_.size() - 1);
  }
  uint32_t NewDict() {
    tree_.dicts_.Push({});
    return static_cast<uint32_t>(tree_.dicts_.size() - 1);
  }

  size_t Position() const { return static_cast<size_t>(at_ - begin_); }
  size_t Left() const { return static_cast<size_t>(end_ - at_); }

  template <typename T>
  T Take() {  // bounds were checked against kFixedSizes
    T value = LoadLittle<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  // How many values stand above the last mark: no opcode but those that take the mark away reaches below it.
  size_t Depth() const { return stack_.size() - fence_; }

  void Push(Value value) { stack_.Push(value); }
  Value Pop() {  // Depth() was checked
    Value value = stack_.back();
    stack_.Truncate(stack_.size() - 1);
    return value;
  }
  static Value Make(Kind kind, uint32_t index, bool flag = false) {
    Value value;
    value.kind = kind;
    value.flag = flag;
    value.integer = 0;
    value.index = index;
    return value;
  }
  void PushInt(int64_t integer) {
    Value value;
    value.kind = Kind::kInt;
    value.integer = integer;
    Push(value);
  }
  void PushBool(bool boolean) {
    Value value;
    value.kind = Kind::kBool;
    value.boolean = boolean;
    Push(value);
  }
  void PushText(Kind kind, bool flag, std::string_view text) {
    Value value;
    value.kind = kind;
    value.flag = flag;
    value.length = static_cast<uint32_t>(text.size());
    value.text = text.data();
    Push(value);
  }

  // A view of the next `length` bytes.
  bool Counted(Kind kind, bool flag, uint64_t length) {
    if (length > Left()) [[unlikely]]
      return CutShort(length - Left());
    if (length > UINT32_MAX) [[unlikely]]
      return TooLong();
    PushText(kind, flag, {reinterpret_cast<const char*>(at_), static_cast<size_t>(length)});
    at_ += length;
    return true;
  }

  // Replaces stack_[first...] with a tuple of them.
  void FoldTuple(size_t first) {
    const size_t count = stack_.size() - first;
    if (count == 0) {
      Push(Make(Kind::kTuple, 0));
      return;
    }
    const Value* from = &stack_[first];
    uint32_t* known = count <= kMostShared ? FindIntTuple({from, count}) : nullptr;
    if (known != nullptr && SameInts(*known, {from, count})) {
      const uint32_t same = *known;
      stack_.Truncate(first);
      Push(Make(Kind::kTuple, same));
      return;
    }
    const auto start = static_cast<uint32_t>(tree_.tuple_items_.size());
    Value* to = tree_.tuple_items_.Extend(count);
    for (size_t i = 0; i < count; ++i) to[i] = from[i];  // mostly a handful, for which a call of memcpy is slow
    const auto index = static_cast<uint32_t>(tree_.tuples_.size());
    tree_.tuples_.Push({start, static_cast<uint32_t>(count)});
    if (known != nullptr) *known = index;
    stack_.Truncate(first);
    Push(Make(Kind::kTuple, index));
  }

  // Shapes and strides repeat all through a checkpoint: equal tuples of a few ints become one. A tuple cannot be told
  // from an equal one, and ints hold nothing.
  static constexpr size_t kMostShared = 4;
  // Where in int_tuples_ a tuple of these values stands or would stand; null when one of them is no int.
  uint32_t* FindIntTuple(std::span<const Value> values) {
    uint64_t hash = values.size();
    for (const Value& value : values) {
      if (!value.Is(Kind::kInt)) return nullptr;
      hash = (hash ^ static_cast<uint64_t>(value.integer)) * 0x9e3779b97f4a7c15;
    }
    return &int_tuples_[hash >> 56];
  }
  bool SameInts(uint32_t tuple, std::span<const Value> values) const {
    if (tuple >= tree_.tuples_.size() || tree_.tuples_[tuple].count != values.size()) return false;
    const Value* items = &tree_.tuple_items_[tree_.tuples_[tuple].first];
    for (size_t i = 0; i < values.size(); ++i) {
      if (!items[i].Is(Kind::kInt) || items[i].integer != values[i].integer) return false;
    }
    return true;
  }

  bool PopMark(size_t* mark) {
    if (marks_.empty()) [[unlikely]]
      return Fail(ErrorCode::kCorrupt, "there is no MARK on the stack");
    *mark = marks_.back();
    marks_.Truncate(marks_.size() - 1);
    fence_ = marks_.empty() ? 0 : marks_.back();
    return true;
  }

  bool Put(uint64_t index) {
    if (Depth() == 0) [[unlikely]]
      return Underflow();
    if (index == memo_.size() && far_memo_.empty()) [[likely]] {
      memo_.Push(stack_.back());
      ++memo_count_;
      return true;
    }
    return PutFar(index);
  }
  bool Get(uint64_t index) {
    if (index < memo_.size() && memo_[index].kind != kUnset) [[likely]] {
      Push(memo_[index]);
      return true;
    }
    return GetFar(index);
  }

  static constexpr Kind kUnset{0xff};  // a memo entry that nothing was put into

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  const std::byte* opcode_;  // the byte of the opcode that runs, for errors
  uint64_t total_;
  uint64_t needed_ = 0;
  uint32_t buffers_ = 0;

  std::array<uint32_t, 256> int_tuples_{};  // by hash: the last tuple of a few ints; 0 is the empty tuple

  Pool<Value> stack_;
  Pool<uint32_t> marks_;  // heights of the stack
  size_t fence_ = 0;      // the last of marks_, or 0

  // The memo: entries up to the number of bytes seen so far are in an array; no pickler writes others, but the format
  // allows any number, and those go into a map (ordered: its cost cannot be driven up by choosing the numbers).
  Pool<Value> memo_;
  std::map<uint64_t, Value> far_memo_;
  uint64_t memo_count_ = 0;

  struct ByLengthThenBytes {
    using Name = std::pair<std::string_view, std::string_view>;
    bool operator()(const Name& a, const Name& b) const {
      if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
      if (a.first.size() != b.first.size()) return a.first.size() < b.first.size();
      return a < b;
    }
  };
  std::map<ByLengthThenBytes::Name, uint32_t, ByLengthThenBytes> global_indices_;

  Tree tree_;
  const ReadOptions& options_;
  Error error_;
};

// "list", "dict", ...: for messages.
std::string_view KindName(Kind kind);

}  // namespace pthview::pickle
