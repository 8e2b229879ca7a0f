// Opcodes whose argument is text, most of them of protocol 0, and integers of any length.
#include <charconv>
#include <cstring>
#include <limits>

#include "lib/pickle/machine_state.h"

namespace pthview::pickle {
namespace {

constexpr uint64_t kLongestNumber = uint64_t{1} << 20;
constexpr uint64_t kAnyLength = std::numeric_limits<uint64_t>::max();

std::string_view TrimSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Copies digits without the single underscores that Python allows between them; returns the end, or null.
char* WithoutUnderscores(std::string_view digits, char* to) {
  char before = '_';
  for (const char c : digits) {
    if (c == '_' && before == '_') return nullptr;
    if (c != '_') *to++ = c;
    before = c == '-' ? '_' : c;
  }
  return before == '_' ? nullptr : to;
}

// 16, 8 or 2 for digits behind 0x, 0o or 0b, which Python takes as well; else 10.
int BaseOf(std::string_view digits) {
  if (digits.size() < 3 || digits[0] != '0') return 10;
  const char kind = static_cast<char>(digits[1] | 0x20);
  return kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `digits` hexadecimal digits at `text[at]`; -1 when there are fewer.
int64_t HexNumber(std::string_view text, size_t at, size_t digits) {
  if (text.size() - at < digits) return -1;
  int64_t number = 0;
  for (size_t i = at; i < at + digits; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return -1;
    number = number * 16 + digit;
  }
  return number;
}

// Writes `code` as UTF-8, surrogates too; returns the end.
char* EncodeUtf8(char* to, uint32_t code) {
  if (code < 0x80) {
    *to++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *to++ = static_cast<char>(0xc0 | (code >> 6));
    *to++ = static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    *to++ = static_cast<char>(0xe0 | (code >> 12));
    *to++ = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    *to++ = static_cast<char>(0x80 | (code & 0x3f));
  } else {
    *to++ = static_cast<char>(0xf0 | (code >> 18));
    *to++ = static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    *to++ = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    *to++ = static_cast<char>(0x80 | (code & 0x3f));
  }
  return to;
}

// Undoes the backslash escapes of a Python bytes literal into `to`, which has room for text.size(); returns the end, or
// null when an escape is broken. An unknown escape stands for itself, backslash included.
char* Unescape(std::string_view text, char* to) {
  constexpr std::string_view kNames = "\\'\"abfnrtv";
  constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      *to++ = text[i];
      continue;
    }
    if (++i == text.size()) return nullptr;
    const char c = text[i];
    if (const size_t known = kNames.find(c); known != std::string_view::npos) {
      *to++ = kMeanings[known];
    } else if (c == 'x') {
      const int64_t number = HexNumber(text, i + 1, 2);
      if (number < 0) return nullptr;
      *to++ = static_cast<char>(number);
      i += 2;
    } else if (c >= '0' && c <= '7') {
      int number = 0;
      size_t end = i;
      for (; end < text.size() && end < i + 3 && text[end] >= '0' && text[end] <= '7'; ++end) {
        number = number * 8 + (text[end] - '0');
      }
      *to++ = static_cast<char>(number);
      i = end - 1;
    } else {
      *to++ = '\\';
      *to++ = c;
    }
  }
  return to;
}

}  // namespace

// Takes text up to a newline, which is not part of it.
bool Machine::Line(std::string_view* line, uint64_t limit) {
  const auto* newline = static_cast<const std::byte*>(std::memchr(at_, '\n', Left()));
  const uint64_t length = newline == nullptr ? Left() : static_cast<uint64_t>(newline - at_);
  if (length > limit) return Fail(ErrorCode::kCorrupt, "its text has no end", "is this a pickle?");
  if (newline == nullptr) return CutShort(1);
  if (length > UINT32_MAX) return TooLong();
  *line = {reinterpret_cast<const char*>(at_), static_cast<size_t>(length)};
  at_ = newline + 1;
  return true;
}

bool Machine::LineNumber(uint64_t* number) {
  std::string_view line;
  if (!Line(&line, kLongestNumber)) return false;
  line = TrimSpace(line);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), *number);
  if (error != std::errc() || end != line.data() + line.size()) {
    return Fail(ErrorCode::kCorrupt, "its text is no memo number");
  }
  return true;
}

// LONG1, LONG4: little-endian two's complement of any length.
bool Machine::BigInt(uint64_t length) {
  if (length > Left()) return CutShort(length - Left());
  std::string_view bytes{reinterpret_cast<const char*>(at_), static_cast<size_t>(length)};
  at_ += length;
  // Leading bytes that only repeat the sign are cut, so that kBigInt never fits 64 bits.
  while (bytes.size() > 1) {
    const auto last = static_cast<int8_t>(bytes.back());
    const bool sign_below = static_cast<int8_t>(bytes[bytes.size() - 2]) < 0;
    if (!(last == 0 && !sign_below) && !(last == -1 && sign_below)) break;
    bytes.remove_suffix(1);
  }
  if (bytes.size() > sizeof(int64_t)) {
    PushText(Kind::kBigInt, false, bytes);
    return true;
  }
  uint64_t number = 0;
  std::memcpy(&number, bytes.data(), bytes.size());
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes.size());
  PushInt(bytes.empty() ? 0 : static_cast<int64_t>(number << unused) >> unused);
  return true;
}

// INT ("00" and "01" are False and True) and LONG (with an L behind).
bool Machine::IntText(bool long_suffix) {
  std::string_view line;
  if (!Line(&line, long_suffix ? kAnyLength : kLongestNumber)) return false;
  if (!long_suffix && (line == "00" || line == "01")) {
    PushBool(line == "01");
    return true;
  }
  line = TrimSpace(line);
  if (long_suffix && line.ends_with('L')) line.remove_suffix(1);
  if (line.starts_with('+')) line.remove_prefix(1);
  if (line.find('_') != std::string_view::npos) {
    char* plain = static_cast<char*>(tree_.arena_.Allocate(line.size(), 1));
    const char* stop = WithoutUnderscores(line, plain);
    if (stop == nullptr) return Fail(ErrorCode::kCorrupt, "its text is no integer");
    line = {plain, static_cast<size_t>(stop - plain)};
  }
  const bool negative = line.starts_with('-');
  std::string_view digits = line.substr(negative ? 1 : 0);
  if (const int base = BaseOf(digits); base != 10) {
    digits.remove_prefix(2);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.starts_with('-')) {
      return Fail(ErrorCode::kCorrupt, "its text is no integer");
    }
    PushInt(negative ? -number : number);
    return true;
  }
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return Fail(ErrorCode::kCorrupt, "its text is no integer");
  }
  int64_t number = 0;
  if (std::from_chars(line.data(), line.data() + line.size(), number).ec == std::errc()) {
    PushInt(number);
  } else {
    PushText(Kind::kBigInt, true, line);
  }
  return true;
}

bool Machine::FloatText() {
  std::string_view line;
  if (!Line(&line, kLongestNumber)) return false;
  line = TrimSpace(line);
  if (line.starts_with('+')) line.remove_prefix(1);
  Value value;
  value.kind = Kind::kFloat;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value.real);
  if (error == std::errc::result_out_of_range) {
    // from_chars leaves the value alone; Python rounds to zero or infinity.
    const bool tiny = line.find_first_of("eE") != std::string_view::npos && line.find('-', 1) != std::string_view::npos;
    value.real = tiny ? 0.0 : std::numeric_limits<double>::infinity();
    if (line.starts_with('-')) value.real = -value.real;
  } else if (error != std::errc() || end != line.data() + line.size() || line.ends_with(')')) {
    return Fail(ErrorCode::kCorrupt, "its text is no number");
  }
  Push(value);
  return true;
}

// S '<escaped bytes>' \n: the str of Python 2.
bool Machine::StringText() {
  std::string_view line;
  if (Left() > 0 && *at_ != std::byte{'\''} && *at_ != std::byte{'"'}) {
    return Fail(ErrorCode::kCorrupt, "its text is not in quotes");
  }
  if (!Line(&line, kAnyLength)) return false;
  const size_t end = line.find_last_not_of(" \t\r\v\f");
  if (end == std::string_view::npos || end == 0 || line[end] != line[0]) {
    return Fail(ErrorCode::kCorrupt, "its text is not in quotes");
  }
  std::string_view text = line.substr(1, end - 1);
  if (text.find('\\') != std::string_view::npos) {
    char* decoded = static_cast<char*>(tree_.arena_.Allocate(text.size(), 1));
    const char* stop = Unescape(text, decoded);
    if (stop == nullptr) return Fail(ErrorCode::kCorrupt, "its text has a broken escape");
    text = {decoded, static_cast<size_t>(stop - decoded)};
  }
  PushText(Kind::kBytes, true, text);
  return true;
}

// V <Latin-1 with \uXXXX and \UXXXXXXXX> \n. Other backslashes stand for themselves, and one after another does not
// begin an escape.
bool Machine::UnicodeText() {
  std::string_view line;
  if (!Line(&line, kAnyLength)) return false;
  bool plain = true;
  for (const char c : line) plain &= c != '\\' && static_cast<signed char>(c) >= 0;
  if (plain) {
    PushText(Kind::kString, false, line);
    return true;
  }
  // Latin-1 takes twice its bytes in UTF-8; an escape never more than its own.
  if (line.size() > UINT32_MAX / 2) return TooLong();
  char* decoded = static_cast<char*>(tree_.arena_.Allocate(2 * line.size(), 1));
  char* to = decoded;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      to = EncodeUtf8(to, static_cast<uint8_t>(line[i]));
      continue;
    }
    const char letter = line[++i];
    if (letter != 'u' && letter != 'U') {
      *to++ = '\\';
      to = EncodeUtf8(to, static_cast<uint8_t>(letter));
      continue;
    }
    const size_t digits = letter == 'u' ? 4 : 8;
    const int64_t code = HexNumber(line, i + 1, digits);
    if (code < 0 || code > 0x10ffff) return Fail(ErrorCode::kCorrupt, "its text has a broken escape");
    to = EncodeUtf8(to, static_cast<uint32_t>(code));
    i += digits;
  }
  PushText(Kind::kString, false, {decoded, static_cast<size_t>(to - decoded)});
  return true;
}

bool Machine::PersIdText() {
  std::string_view line;
  if (!Line(&line, kLongestNumber)) return false;
  PushText(Kind::kString, false, line);
  tree_.persistent_.Push(Pop());
  Push(Make(Kind::kPersistent, static_cast<uint32_t>(tree_.persistent_.size() - 1)));
  return true;
}

}  // namespace pthview::pickle
