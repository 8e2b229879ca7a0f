// Regular expressions with which a file says which parameters it means, in Python's notation. They come from a file, so
// they are matched without backtracking: in time that is the product of the pattern's and the name's length.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pthview {

class NamePattern {
 public:
  // Compiling and matching take what they cost from `steps`, each a few machine instructions, and give up (nullopt)
  // when it is used up.

  // Reads literals, escapes, `.`, classes in brackets, groups without a name, `|`, `* + ? {m,n}` and `^ $`. nullopt for
  // anything else (lookaround, references, flags, letters beyond ASCII) and for patterns that are huge when their
  // repeats are written out: what such a pattern means is not known.
  static std::optional<NamePattern> Compile(std::string_view python, uint64_t& steps);

  // Whether Python's re.match finds it: at the start of `name`, which is ASCII and does not end in a line break (before
  // which `$` matches in Python too).
  std::optional<bool> MatchesStart(std::string_view name, uint64_t& steps) const;

  // The one name that it matches, when it is a literal up to `$`.
  std::optional<std::string> OnlyName() const;

  // Instructions, 32 bytes each.
  size_t size() const { return program_.size(); }

 private:
  friend class NamePatternCompiler;

  // kSet: one letter of `set`, then on with the next instruction. kSplit: on with both `a` and `b`.
  struct Instruction {
    enum Kind : uint8_t { kSet, kSplit, kStart, kEnd, kMatch } kind = kMatch;
    uint32_t a = 0;
    uint32_t b = 0;
    std::bitset<128> set;
  };
  uint64_t Follow(uint32_t from, size_t at, size_t length, std::vector<uint32_t>& states,
                  std::vector<size_t>& seen) const;

  std::vector<Instruction> program_;
};

}  // namespace pthview
