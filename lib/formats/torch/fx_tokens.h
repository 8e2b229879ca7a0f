// The words of Python source text, as far as torch.fx writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pthview::fx {

struct Token {
  enum class Kind : uint8_t { kName, kNumber, kString, kOperator, kNewline, kEnd };
  Kind kind = Kind::kEnd;
  std::string_view text;
  bool indented = false;  // kNewline: the line behind it begins with a blank

  bool Is(std::string_view word) const { return (kind == Kind::kOperator || kind == Kind::kName) && text == word; }
};

// Reads a token at a time. Comments, blank lines and line ends between brackets are passed over.
class Tokens {
 public:
  explicit Tokens(std::string_view source) : source_(source) {}

  Token Next();

 private:
  void PassBlanks();
  Token TakeNumber();
  Token TakeString(size_t prefix);
  Token TakeOperator();

  std::string_view source_;
  size_t at_ = 0;
  size_t brackets_ = 0;
};

// A string's bytes, without its prefix, quotes and escapes.
std::string DecodeString(std::string_view token);

}  // namespace pthview::fx
