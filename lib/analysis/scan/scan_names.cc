// The part of PickleScanner that knows names: what a global is called, and who calls it.
#include <algorithm>
#include <utility>

#include "lib/analysis/scan/scan_pickle.h"
#include "lib/analysis/scan/scan_text.h"
#include "lib/base/escape.h"
#include "lib/pickle/opcodes.h"

namespace pthview {
namespace {

// What a row takes besides its names, in bytes, with its place in the table.
constexpr uint64_t kBytesOfRow = 300;

// Between the parts of a row's key, where no name has a byte like it.
constexpr char kBetween = '\0';

bool IsGetAttribute(std::string_view module, std::string_view name) {
  return name == "getattr" && (module == "builtins" || module == "__builtin__");
}

}  // namespace

PickleScanner::Text PickleScanner::TextAt(uint64_t opcode) {
  Text text;
  text.known = ReadLiteral(window_, opcode, &text.bytes);
  return text;
}

// Names that come from afar through the memo are kept, so that reading stays forwards.
const PickleScanner::Text& PickleScanner::CachedTextAt(uint64_t opcode) {
  constexpr size_t kMostTexts = 8192;  // of up to a kilobyte
  const auto found = texts_.find(opcode);
  if (found != texts_.end()) return found->second;
  if (texts_.size() == kMostTexts) texts_.clear();
  if (!window_.Holds(opcode)) left_.Spend(kStepsOfFarText);
  return texts_[opcode] = TextAt(opcode);
}

// `literal`: module and name stand in the pickle as they are.
PickleScanner::Value PickleScanner::Name(CodeSource source, std::string_view module, std::string_view name,
                                         bool literal) {
  left_.Spend(kStepsOfName);
  std::string key;
  key.reserve(module.size() + name.size() + 2);
  key.append(module).append(1, kBetween).append(name).append(1, static_cast<char>('0' + static_cast<int>(source)));
  if (const auto found = row_of_.find(key); found != row_of_.end()) {
    ++rows_[found->second].times;
    return Pack(kNamed, found->second);
  }
  CodeUse row;
  row.source = source;
  row.position = opcode_;
  row.judgement = source == CodeSource::kExtension ? Judgement::kUnknown : JudgeGlobal(module, name);
  if (module.size() + name.size() > kLongestName) {
    row.judgement = Judgement::kDangerous;
    row.remark = "no real name is as long";
  } else if (!literal) {
    row.judgement = Judgement::kDangerous;
    row.remark = "its name is put together while loading";
  }
  // Escaped names may be four times as long.
  const uint64_t bytes = kBytesOfRow + key.size() + 4 * std::min(module.size() + name.size(), kLongestName);
  uint64_t& room = row.judgement == Judgement::kDangerous ? left_.dangers : left_.names;
  if (bytes > room) {
    room = 0;
    ++dropped_;
    return kOther;
  }
  room -= bytes;
  row.module = EscapeName(module.substr(0, kLongestName));
  row.name = EscapeName(name.substr(0, kLongestName));
  if (literal && LooksLikeName(module) && LooksLikeName(name)) ++plausible_;
  rows_.push_back(std::move(row));
  is_getattr_.push_back(IsGetAttribute(module, name));
  row_of_.emplace(std::move(key), rows_.size() - 1);
  return Pack(kNamed, rows_.size() - 1);
}

PickleScanner::Value PickleScanner::StackGlobal(Value module, Value name) {
  static const Text kUnknownText{"?", false};
  Need(module);
  Need(name);
  const auto text = [&](Value value) -> const Text& {
    return KindOf(value) == kText ? CachedTextAt(NumberOf(value)) : kUnknownText;
  };
  // A copy, as the next look-up may empty the cache.
  const Text module_text = text(module);  // NOLINT(performance-unnecessary-copy-initialization)
  const Text& name_text = text(name);
  return Name(CodeSource::kStackGlobal, module_text.bytes, name_text.bytes, module_text.known && name_text.known);
}

void PickleScanner::Mark(size_t row, CodeCall call) {
  CodeUse& use = rows_[row];
  if (use.call != CodeCall::kNone && use.call != CodeCall::kArgument) return;
  if (use.call == CodeCall::kArgument && call == CodeCall::kArgument) return;
  use.call = call;
  use.called_at = opcode_;
}

PickleScanner::Value PickleScanner::Call(CodeCall call, Value callee, Value args) {
  // copyreg._reconstructor(class, ...), torch._tensor._rebuild_from_type_v2(function, ...), functools.partial(...):
  // what comes first is what gets called.
  Need(callee);
  const Value first = ItemOf(args, 0);
  Need(first);
  if (KindOf(first) == kNamed) {
    Mark(static_cast<size_t>(NumberOf(first)), CodeCall::kArgument);
  }
  if (KindOf(callee) != kNamed && KindOf(callee) != kResult) return kOther;
  const auto row = static_cast<size_t>(NumberOf(callee));
  if (KindOf(callee) == kNamed) {
    Mark(row, call);
    NoteMade(row, args);
    if (is_getattr_[row]) return GetAttribute(args);
  }
  return Pack(kResult, row);
}

void PickleScanner::NoteMade(size_t row, Value args) {
  const CodeUse& use = rows_[row];
  if (const std::string_view type = ClassMadeBy(use.module, use.name); !type.empty()) {
    weights_only_.classes.emplace(type);
  }
  if (use.module != "numpy" || use.name != "dtype") return;
  const Value code = ItemOf(args, 0);
  if (KindOf(code) != kText) return;
  if (std::string type = NumpyDTypeClass(CachedTextAt(NumberOf(code)).bytes); !type.empty()) {
    weights_only_.classes.insert(std::move(type));
  }
}

// Lists and dicts of their own classes keep their items by APPEND and SETITEM on what a call has given.
void PickleScanner::TakeItems(std::string_view opcode) {
  if (stack_.empty() || KindOf(stack_.back()) != kResult) return;
  const CodeUse& use = rows_[static_cast<size_t>(NumberOf(stack_.back()))];
  if (TakesItems(use.module, use.name) && opcode.starts_with("SET")) return;
  weights_only_.Refuse(std::string(opcode) + " on an instance of " + use.FullName(), opcode_);
}

// getattr(thing, 'name') is read as the dotted name that it is.
PickleScanner::Value PickleScanner::GetAttribute(Value args) {
  const Value thing = ItemOf(args, 0);
  const Value attribute = ItemOf(args, 1);
  Need(thing);
  Need(attribute);
  if (KindOf(attribute) != kText || (KindOf(thing) != kNamed && KindOf(thing) != kResult)) return kOther;
  const Text& text = CachedTextAt(NumberOf(attribute));
  const CodeUse& base = rows_[static_cast<size_t>(NumberOf(thing))];
  const std::string module = base.module;
  std::string name = base.name + (KindOf(thing) == kResult ? "()." : ".") + text.bytes;
  return Name(CodeSource::kComputed, module, name, true);
}

// BUILD on an instance is what every pickled object does. On the class itself, or on a function or module, it changes
// what they are for the whole process, which no pickler writes.
void PickleScanner::Build(Value target) {
  Need(target);
  if (KindOf(target) != kNamed) return;
  const auto row = static_cast<size_t>(NumberOf(target));
  Mark(row, CodeCall::kBuild);
  if (rows_[row].source == CodeSource::kComputed || rows_[row].judgement == Judgement::kDangerous) return;
  rows_[row].judgement = Judgement::kDangerous;
  rows_[row].remark = "BUILD changes the attributes of the class, function or module itself";
}

}  // namespace pthview
