// What Python would import or call: here, names and arguments on record.
#include <string>

#include "lib/pickle/machine_state.h"

namespace pthview::pickle {
namespace {

// Longer names are not refused by Python, but a file of other content must not be searched to its end for a newline.
constexpr uint64_t kLongestName = uint64_t{1} << 20;

// Longer names of modules and classes are kept as so many bytes, of which the last three are "...". Real ones have a
// hundred; whatever is made of a pickle says the class of each object, and ten thousand may have one name.
constexpr size_t kLongestKept = 200;

// What tells a name from others: a long one is told by one byte more than others have.
std::string_view KeyOf(std::string_view name) { return name.substr(0, kLongestKept + 1); }

std::string_view KeptOf(std::string_view name, Arena& arena) {
  if (name.size() <= kLongestKept) return name;
  return arena.Copy(std::string(name.substr(0, kLongestKept - 3)) + "...");
}

}  // namespace

// c <module> \n <name> \n
bool Machine::GlobalText() {
  std::string_view module;
  std::string_view name;
  if (!Line(&module, kLongestName) || !Line(&name, kLongestName)) return false;
  Push(Make(Kind::kGlobal, Intern(module, name)));
  return true;
}

bool Machine::StackGlobal() {
  if (Depth() < 2) return Underflow();
  const Value name = Pop();
  const Value module = Pop();
  if (!name.IsText()) return WrongKind(name);
  if (!module.IsText()) return WrongKind(module);
  Push(Make(Kind::kGlobal, Intern(module.Text(), name.Text())));
  return true;
}

uint32_t Machine::Intern(std::string_view module, std::string_view name) {
  const auto [entry, is_new] =
      global_indices_.try_emplace({KeyOf(module), KeyOf(name)}, static_cast<uint32_t>(tree_.globals_.size()));
  if (is_new) {
    tree_.globals_.Push(
        {KeptOf(module, tree_.arena_), KeptOf(name, tree_.arena_), static_cast<uint64_t>(opcode_ - begin_)});
  }
  return entry->second;
}

void Machine::PushObject(Object::Made made, Value callable, Value args) {
  Object object;
  object.callable = callable;
  object.args = args;
  object.made = made;
  object.position = static_cast<uint64_t>(opcode_ - begin_);
  tree_.objects_.Push(object);
  Push(Make(Kind::kObject, static_cast<uint32_t>(tree_.objects_.size() - 1)));
}

// MARK args i <module> \n <name> \n
bool Machine::Inst() {
  std::string_view module;
  std::string_view name;
  size_t mark = 0;
  if (!Line(&module, kLongestName) || !Line(&name, kLongestName) || !PopMark(&mark)) return false;
  FoldTuple(mark);
  PushObject(Object::Made::kReduce, Make(Kind::kGlobal, Intern(module, name)), Pop());
  return true;
}

// MARK class args o
bool Machine::Obj() {
  size_t mark = 0;
  if (!PopMark(&mark)) return false;
  if (stack_.size() == mark) return Fail(ErrorCode::kCorrupt, "there is no class above its MARK");
  FoldTuple(mark + 1);
  const Value args = Pop();
  const Value callable = Pop();
  PushObject(Object::Made::kReduce, callable, args);
  return true;
}

bool Machine::NewObjEx() {
  if (Depth() < 3) return Underflow();
  const Value kwargs = Pop();
  const Value args = Pop();
  const Value callable = Pop();
  PushObject(Object::Made::kNewEx, callable, args);
  ExtraOf(stack_.back()).kwargs = kwargs;
  return true;
}

bool Machine::Build() {
  if (Depth() < 2) return Underflow();
  const Value state = Pop();
  if (!stack_.back().Is(Kind::kObject)) return WrongKind(stack_.back());
  Tree::Extra& extra = ExtraOf(stack_.back());
  if (extra.has_state) {
    if (extra.earlier_states == 0) extra.earlier_states = NewList() + 1;
    AppendTo(extra.earlier_states - 1, {&extra.state, 1});
  }
  extra.state = state;
  extra.has_state = true;
  return options_.raw_after == nullptr || PassOverRaw(stack_.back());
}

bool Machine::PassOverRaw(Value object) {
  if (Left() == 0) return CutShort(1);
  const auto raw = options_.raw_after(tree_, object, {at_, Left()});
  if (!raw) return true;
  uint64_t length = raw->length;
  const uint64_t begin = Position();
  if (raw->skip > Left()) return CutShort(raw->skip - Left());
  at_ += raw->skip;
  if (raw->is_pickle) {
    // Only to know where it ends: whoever wants to know what is in it reads it there.
    const ReadOptions plain{.record = options_.record, .base = options_.base + Position()};
    Machine inner({at_, Left()}, total_ - Position(), plain);
    if (!inner.Run()) {
      needed_ = inner.needed_ == 0 ? 0 : Position() + inner.needed_;
      error_ = std::move(inner.error_);
      return false;
    }
    length = inner.tree_.end;
  }
  if (length > Left()) return CutShort(length - Left());
  options_.raw_blocks->push_back({object.index, begin, Position(), length, raw->is_pickle});
  at_ += length;
  return true;
}

Tree::Extra& Machine::ExtraOf(Value value) {
  Object& object = tree_.objects_[value.index];
  if (object.extra == 0) {
    tree_.extras_.Push({});
    object.extra = static_cast<uint32_t>(tree_.extras_.size());
  }
  return tree_.extras_[object.extra - 1];
}

bool Machine::Extension(int64_t code) {
  if (code <= 0) return Fail(ErrorCode::kCorrupt, "extension codes begin at 1");
  Value value;
  value.kind = Kind::kExtension;
  value.integer = code;
  Push(value);
  return true;
}

bool Machine::ReadOnlyBuffer() {
  if (Depth() == 0) return Underflow();
  Value& top = stack_.back();
  if (top.Is(Kind::kBuffer)) {
    top.flag = true;
    return true;
  }
  // What has a buffer in memory already is left as it is.
  return top.Is(Kind::kBytes) || top.Is(Kind::kByteArray) || WrongKind(top);
}

}  // namespace pthview::pickle
