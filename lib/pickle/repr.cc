#include "lib/pickle/repr.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "lib/base/escape.h"
#include "lib/pickle/print.h"

namespace pthview::pickle {
namespace {

constexpr size_t kMostBits = 4096;  // of integers written out; the conversion to decimal takes quadratic time

void AppendHex(std::string& out, unsigned char byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

// Whether a character of text in escaped form stands for itself inside quotes.
bool StandsForItself(char c, char quote) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != quote; }

// One character of text in escaped form, or one byte, inside quotes.
void AppendQuotedChar(std::string& out, char c, char quote) {
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  if (c == quote) {
    out += '\\';
  } else if (!StandsForItself(c, quote)) {
    AppendHex(out, static_cast<unsigned char>(c));
    return;
  }
  out += c;
}

// Text in escaped form, a run of characters at a time.
void AppendQuoted(std::string& out, std::string_view text, char quote) {
  while (!text.empty()) {
    const auto* odd = std::find_if_not(text.begin(), text.end(), [&](char c) { return StandsForItself(c, quote); });
    out.append(text.begin(), odd);
    text.remove_prefix(static_cast<size_t>(odd - text.begin()));
    if (text.empty()) return;
    AppendQuotedChar(out, text.front(), quote);
    text.remove_prefix(1);
  }
}

// Quotes as Python does: single ones, unless the text has those and no double ones.
char QuoteFor(std::string_view text) {
  return text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
}

// Little-endian two's complement to decimal, 9 digits a step.
std::string Decimal(std::string_view bytes) {
  const bool negative = static_cast<int8_t>(bytes.back()) < 0;
  std::vector<uint32_t> words((bytes.size() + 3) / 4, 0);
  uint32_t carry = 1;
  for (size_t i = 0; i < words.size() * 4; ++i) {
    uint32_t byte = i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : (negative ? 0xff : 0);
    if (negative) {
      byte = (~byte & 0xff) + carry;
      carry = byte >> 8;
      byte &= 0xff;
    }
    words[i / 4] |= byte << (8 * (i % 4));
  }
  std::string digits;  // backwards
  while (!words.empty()) {
    uint64_t rest = 0;
    for (size_t i = words.size(); i-- > 0;) {
      rest = (rest << 32) | words[i];
      words[i] = static_cast<uint32_t>(rest / 1'000'000'000);
      rest %= 1'000'000'000;
    }
    while (!words.empty() && words.back() == 0) words.pop_back();
    for (int i = 0; i < 9 && (!words.empty() || rest != 0); ++i, rest /= 10) {
      digits += static_cast<char>('0' + rest % 10);
    }
  }
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace

void AppendText(std::string& out, Value value) {
  const std::string_view text = value.Text();
  const char quote = QuoteFor(text);
  if (value.Is(Kind::kString)) {
    out += quote;
    AppendQuoted(out, EscapeName(text), quote);
    out += quote;
    return;
  }
  if (value.Is(Kind::kByteArray)) out += "bytearray(";
  if (!value.flag) out += 'b';
  out += quote;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      AppendHex(out, static_cast<unsigned char>(c));
    } else {
      if (c == '\\') out += '\\';
      AppendQuotedChar(out, c, quote);
    }
  }
  out += quote;
  if (value.Is(Kind::kByteArray)) out += ')';
}

void AppendFloat(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "nan";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-inf" : "inf";
    return;
  }
  char buffer[400];
  const double size = std::fabs(value);
  const bool exponent = value != 0 && (size < 1e-4 || size >= 1e16);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const std::string_view digits(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value, format).ptr);
  out += digits;
  if (!exponent && digits.find('.') == std::string_view::npos) out += ".0";
}

std::string BigIntToString(Value value) {
  const std::string_view bytes = value.Text();
  if (value.flag) return std::string(bytes);
  if (bytes.empty()) return "0";
  if (bytes.size() * 8 > kMostBits) return "<integer of " + std::to_string(bytes.size() * 8) + " bits>";
  return Decimal(bytes);
}

}  // namespace pthview::pickle
