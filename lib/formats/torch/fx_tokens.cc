#include "lib/formats/torch/fx_tokens.h"

#include <algorithm>
#include <charconv>

namespace pthview::fx {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }

constexpr std::string_view kOperators[] = {"**=", "//=", "<<=", ">>=", "...", "**", "//", "<<", ">>", "<=", ">=", "==",
                                           "!=",  "+=",  "-=",  "*=",  "/=",  "@=", "%=", "&=", "|=", "^=", "->", ":="};

}  // namespace

void Tokens::PassBlanks() {
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (c == '#') {
      at_ = std::min(source_.find('\n', at_), source_.size());
    } else if (c == '\\' && source_.substr(at_ + 1).starts_with('\n')) {
      at_ += 2;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || (c == '\n' && brackets_ > 0)) {
      ++at_;
    } else {
      return;
    }
  }
}

Token Tokens::Next() {
  PassBlanks();
  if (at_ == source_.size()) return {};
  const char c = source_[at_];
  if (c == '\n') {
    const size_t begin = at_;
    size_t line = at_;  // the first byte of the last line so far
    while (at_ < source_.size() && source_[at_] == '\n') {
      line = ++at_;
      PassBlanks();
    }
    if (at_ == source_.size()) return {Token::Kind::kNewline, source_.substr(begin, 1)};
    return {Token::Kind::kNewline, source_.substr(begin, 1), at_ > line};
  }
  if (IsDigit(c) || (c == '.' && at_ + 1 < source_.size() && IsDigit(source_[at_ + 1]))) return TakeNumber();
  if (c == '\'' || c == '"') return TakeString(0);
  if (IsNameStart(c)) {
    size_t end = at_;
    while (end < source_.size() && IsNamePart(source_[end])) ++end;
    // r'...', b"..."
    if (end < source_.size() && end - at_ <= 2 && (source_[end] == '\'' || source_[end] == '"')) {
      return TakeString(end - at_);
    }
    const std::string_view text = source_.substr(at_, end - at_);
    at_ = end;
    return {Token::Kind::kName, text};
  }
  return TakeOperator();
}

Token Tokens::TakeNumber() {
  size_t end = at_;
  while (end < source_.size()) {
    const char c = source_[end];
    const bool sign = (c == '+' || c == '-') && (source_[end - 1] == 'e' || source_[end - 1] == 'E') &&
                      !source_.substr(at_, 2).starts_with("0x");
    if (!IsNamePart(c) && c != '.' && !sign) break;
    ++end;
  }
  const std::string_view text = source_.substr(at_, end - at_);
  at_ = end;
  return {Token::Kind::kNumber, text};
}

Token Tokens::TakeString(size_t prefix) {
  const size_t begin = at_;
  size_t at = begin + prefix;
  const char quote = source_[at];
  const bool triple = source_.substr(at).starts_with(std::string(3, quote));
  at += triple ? 3 : 1;
  for (; at < source_.size(); ++at) {
    if (source_[at] == '\\') {
      ++at;
    } else if (source_[at] == quote && (!triple || source_.substr(at).starts_with(std::string(3, quote)))) {
      at += triple ? 3 : 1;
      break;
    } else if (source_[at] == '\n' && !triple) {
      break;  // not closed
    }
  }
  at_ = std::min(at, source_.size());
  return {Token::Kind::kString, source_.substr(begin, at_ - begin)};
}

Token Tokens::TakeOperator() {
  size_t length = 1;
  for (std::string_view each : kOperators) {
    if (source_.substr(at_).starts_with(each)) {
      length = each.size();
      break;
    }
  }
  const std::string_view text = source_.substr(at_, length);
  at_ += length;
  if (text == "(" || text == "[" || text == "{") ++brackets_;
  if ((text == ")" || text == "]" || text == "}") && brackets_ > 0) --brackets_;
  return {Token::Kind::kOperator, text};
}

std::string DecodeString(std::string_view token) {
  const size_t prefix = std::min(token.find_first_of("'\""), token.size());
  const bool raw = token.substr(0, prefix).find_first_of("rR") != std::string_view::npos;
  token.remove_prefix(prefix);
  if (token.empty()) return {};
  const std::string quote(token.size() >= 6 && token.starts_with(std::string(3, token[0])) ? 3 : 1, token[0]);
  token.remove_prefix(quote.size());
  if (token.ends_with(quote)) token.remove_suffix(quote.size());
  std::string text;
  text.reserve(token.size());
  for (size_t i = 0; i < token.size(); ++i) {
    if (raw || token[i] != '\\' || i + 1 == token.size()) {
      text += token[i];
      continue;
    }
    const char c = token[++i];
    unsigned byte = 0;
    if (c == 'x' && i + 2 < token.size() &&
        std::from_chars(token.data() + i + 1, token.data() + i + 3, byte, 16).ptr == token.data() + i + 3) {
      text += static_cast<char>(byte);
      i += 2;
    } else if (c == 'n' || c == 't' || c == 'r') {
      text += c == 'n' ? '\n' : c == 't' ? '\t' : '\r';
    } else if (c == '\\' || c == '\'' || c == '"') {
      text += c;
    } else {
      text += '\\';
      text += c;
    }
  }
  return text;
}

}  // namespace pthview::fx
