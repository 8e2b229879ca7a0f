#include "lib/formats/spread/name_pattern.h"

#include <charconv>
#include <utility>

namespace pthview {

using Set = std::bitset<128>;

namespace {

constexpr size_t kMostInstructions = 4096;
constexpr size_t kMostAtoms = 100'000;  // read, again and again where repeats stand in repeats
constexpr int kDeepest = 32;
constexpr int kNoMost = -1;

Set Between(char from, char to) {
  Set set;
  for (auto c = static_cast<unsigned char>(from); c <= static_cast<unsigned char>(to); ++c) set.set(c);
  return set;
}

// `\d` and its like; nullopt when `letter` names no class.
std::optional<Set> ClassOf(char letter) {
  Set digits = Between('0', '9');
  Set word = digits | Between('a', 'z') | Between('A', 'Z') | Set().set('_');
  Set space = Between('\t', '\r') | Between('\x1c', '\x1f') | Set().set(' ');
  switch (letter) {
    case 'd': return digits;
    case 'D': return ~digits;
    case 'w': return word;
    case 'W': return ~word;
    case 's': return space;
    case 'S': return ~space;
    default: return std::nullopt;
  }
}

// The letter of a set that has one.
char Only(const Set& set) {
  size_t c = 0;
  while (!set[c]) ++c;
  return static_cast<char>(c);
}

}  // namespace

// Recursive descent; each piece of the pattern becomes instructions that end where the next ones begin. A repeat reads
// its piece's text once for each time that it is written out.
class NamePatternCompiler {
 public:
  NamePatternCompiler(std::string_view text, uint64_t& steps) : text_(text), steps_(steps) {}

  std::optional<NamePattern> Run() {
    if (!Choice(0) || at_ != text_.size() || !Emit({.kind = Instruction::kMatch})) return std::nullopt;
    return std::move(pattern_);
  }

 private:
  using Instruction = NamePattern::Instruction;

  bool More() const { return at_ < text_.size(); }
  bool Take(char c) {
    if (!More() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool Spend(uint64_t steps) {
    if (steps > steps_) return false;
    steps_ -= steps;
    return true;
  }
  // One more atom, or letter in brackets, that was read.
  bool Count() { return ++atoms_ <= kMostAtoms && Spend(1); }
  uint32_t Here() const { return static_cast<uint32_t>(pattern_.program_.size()); }
  bool Emit(Instruction instruction) {
    if (pattern_.program_.size() >= kMostInstructions) return false;
    pattern_.program_.push_back(instruction);
    return true;
  }
  Instruction& At(uint32_t index) { return pattern_.program_[index]; }

  // a|b:  split a, b; a; jump behind; b
  bool Choice(int depth) {
    if (depth > kDeepest) return false;
    uint32_t begin = Here();
    if (!Sequence(depth)) return false;
    if (!Take('|')) return true;
    // The split stands before `a`, whose places move along.
    if (!Insert(begin)) return false;
    uint32_t jump = Here();
    if (!Emit({.kind = Instruction::kSplit})) return false;
    At(begin).a = begin + 1;
    At(begin).b = Here();
    if (!Choice(depth + 1)) return false;
    At(jump).a = At(jump).b = Here();
    return true;
  }

  bool Sequence(int depth) {
    while (More() && text_[at_] != '|' && text_[at_] != ')') {
      if (!Repeated(depth)) return false;
    }
    return true;
  }

  bool Repeated(int depth) {
    const size_t text_begin = at_;
    const uint32_t begin = Here();
    bool simple = text_[at_] != '^' && text_[at_] != '$';
    if (!Atom(depth)) return false;
    int least = 1;
    int most = 1;
    if (!Quantifier(&least, &most)) return false;
    if (least == 1 && most == 1) return true;
    if (!simple) return false;
    const size_t text_end = at_;
    // Written out from its text anew: `least` times, then optional ones or a loop.
    pattern_.program_.resize(begin);
    auto again = [&] {
      at_ = text_begin;
      return Atom(depth);
    };
    for (int i = 0; i < least; ++i) {
      if (!again()) return false;
    }
    std::vector<uint32_t> exits;
    for (int i = least; most == kNoMost ? i == least : i < most; ++i) {
      exits.push_back(Here());
      if (!Emit({.kind = Instruction::kSplit, .a = Here() + 1}) || !again()) return false;
      uint32_t back = exits.back();
      if (most == kNoMost && !Emit({.kind = Instruction::kSplit, .a = back, .b = back})) return false;
    }
    for (uint32_t exit : exits) At(exit).b = Here();
    at_ = text_end;
    return true;
  }

  bool Quantifier(int* least, int* most) {
    if (Take('*')) {
      *least = 0;
      *most = kNoMost;
    } else if (Take('+')) {
      *most = kNoMost;
    } else if (Take('?')) {
      *least = 0;
    } else if (Take('{')) {
      bool counted = Number(least);
      if (!counted) *least = 0;
      *most = *least;
      if (Take(',')) {
        if (!Number(most)) *most = kNoMost;
      } else if (!counted) {
        return false;
      }
      if (!Take('}') || (*most != kNoMost && *most < *least)) return false;
    } else {
      return true;
    }
    Take('?');  // as few as possible: whether there is a match stays the same
    return !More() || (text_[at_] != '*' && text_[at_] != '+' && text_[at_] != '?');
  }

  bool Number(int* number) {
    const char* end = text_.data() + text_.size();
    int found = 0;
    auto [to, error] = std::from_chars(text_.data() + at_, end, found);
    if (error != std::errc() || found < 0 || found > 1000) return false;
    *number = found;
    at_ = static_cast<size_t>(to - text_.data());
    return true;
  }

  bool Atom(int depth) {
    if (!Count()) return false;
    char c = text_[at_++];
    switch (c) {
      case '^': return Emit({.kind = Instruction::kStart});
      case '$': return Emit({.kind = Instruction::kEnd});
      case '.': return EmitSet(~Set().set('\n'));
      case '[': return Brackets();
      case '(':
        if (Take('?') && !Take(':')) return false;
        return Choice(depth + 1) && Take(')');
      case '*':
      case '+':
      case '?':
      case '{': return false;
      default: {
        --at_;
        auto set = Letter();
        return set && EmitSet(*set);
      }
    }
  }

  bool EmitSet(const Set& set) { return Emit({.kind = Instruction::kSet, .set = set}); }

  // A letter or an escape.
  std::optional<Set> Letter() {
    if (!More()) return std::nullopt;
    char c = text_[at_++];
    if (c == '\\') {
      if (!More()) return std::nullopt;
      c = text_[at_++];
      if (auto set = ClassOf(c)) return set;
      bool named = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (named) return std::nullopt;  // \b, \1, \n, ...
    }
    if (static_cast<unsigned char>(c) >= 128) return std::nullopt;
    return Set().set(static_cast<size_t>(c));
  }

  bool Brackets() {
    bool negated = Take('^');
    Set set;
    for (bool first = true; first || !Take(']'); first = false) {
      if (!Count()) return false;
      bool escaped = More() && text_[at_] == '\\';
      const size_t begin = at_;
      auto from = Letter();
      if (!from || (!escaped && text_[begin] == '[')) return false;
      bool range = at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']';
      if (range) {
        ++at_;
        auto to = Letter();
        if (!to || from->count() != 1 || to->count() != 1) return false;
        char low = Only(*from);
        char high = Only(*to);
        if (high < low) return false;
        set |= Between(low, high);
      } else {
        set |= *from;
      }
    }
    return EmitSet(negated ? ~set : set);
  }

  bool Insert(uint32_t where) {
    if (pattern_.program_.size() >= kMostInstructions) return false;
    auto& program = pattern_.program_;
    if (!Spend(program.size() - where)) return false;
    program.insert(program.begin() + where, Instruction{.kind = Instruction::kSplit});
    for (uint32_t i = where + 1; i < Here(); ++i) {
      if (program[i].kind != Instruction::kSplit) continue;
      if (program[i].a >= where) ++program[i].a;
      if (program[i].b >= where) ++program[i].b;
    }
    return true;
  }

  std::string_view text_;
  uint64_t& steps_;
  size_t at_ = 0;
  size_t atoms_ = 0;
  NamePattern pattern_;
};

std::optional<NamePattern> NamePattern::Compile(std::string_view python, uint64_t& steps) {
  return NamePatternCompiler(python, steps).Run();
}

// Adds every state that is reached from `from` without a letter; gives how many were looked at.
uint64_t NamePattern::Follow(uint32_t from, size_t at, size_t length, std::vector<uint32_t>& states,
                             std::vector<size_t>& seen) const {
  uint64_t looked_at = 0;
  std::vector<uint32_t> open = {from};
  while (!open.empty()) {
    ++looked_at;
    uint32_t state = open.back();
    open.pop_back();
    if (seen[state] == at + 1) continue;
    seen[state] = at + 1;
    const Instruction& instruction = program_[state];
    switch (instruction.kind) {
      case Instruction::kSplit:
        open.push_back(instruction.b);
        open.push_back(instruction.a);
        break;
      case Instruction::kStart:
        if (at == 0) open.push_back(state + 1);
        break;
      case Instruction::kEnd:
        if (at == length) open.push_back(state + 1);
        break;
      default: states.push_back(state);
    }
  }
  return looked_at;
}

std::optional<bool> NamePattern::MatchesStart(std::string_view name, uint64_t& steps) const {
  std::vector<uint32_t> states;
  std::vector<uint32_t> next;
  std::vector<size_t> seen(program_.size());  // the place in the name, plus one, at which a state was added
  // Most patterns end at the first letters, so what they really take is counted. The memory for it is more than that.
  constexpr uint64_t kStepsOfACall = 64;
  uint64_t taken = kStepsOfACall + program_.size() / 64 + Follow(0, 0, name.size(), states, seen);
  for (size_t at = 0;; ++at) {
    if (taken > steps) return std::nullopt;
    steps -= std::exchange(taken, 0);
    if (states.empty()) return false;
    next.clear();
    for (uint32_t state : states) {
      const Instruction& instruction = program_[state];
      if (instruction.kind == Instruction::kMatch) return true;
      if (at == name.size()) continue;
      auto c = static_cast<unsigned char>(name[at]);
      ++taken;
      if (c < 128 && instruction.set[c]) taken += Follow(state + 1, at + 1, name.size(), next, seen);
    }
    states.swap(next);
  }
}

std::optional<std::string> NamePattern::OnlyName() const {
  std::string name;
  size_t i = 0;
  while (i < program_.size() && program_[i].kind == Instruction::kStart) ++i;
  for (; i < program_.size() && program_[i].kind == Instruction::kSet && program_[i].set.count() == 1; ++i) {
    name += static_cast<char>(Only(program_[i].set));
  }
  if (i + 2 != program_.size() || program_[i].kind != Instruction::kEnd) return std::nullopt;
  return name;
}

}  // namespace pthview
