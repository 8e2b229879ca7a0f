#include "lib/analysis/scan/scan_text.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "lib/base/bytes.h"
#include "lib/base/utf8.h"
#include "lib/pickle/opcodes.h"

namespace pthview {

using pickle::Argument;
using pickle::Opcode;

namespace {

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The number in up to `most` digits of `base` at `at`, which moves behind them; -1 when there is none.
int64_t Digits(std::string_view text, size_t* at, size_t most, int base) {
  int64_t number = 0;
  size_t count = 0;
  while (count < most && *at < text.size()) {
    const int digit = Digit(text[*at]);
    if (digit < 0 || digit >= base) break;
    number = number * base + digit;
    ++*at;
    ++count;
  }
  return count == 0 ? -1 : number;
}

// Up to `length` bytes without moving the window, which may stand far ahead.
std::string ReadAside(ScanWindow& window, uint64_t offset, uint64_t length) {
  const uint64_t size = window.source().size();
  if (offset >= size) return {};
  const auto count = static_cast<size_t>(std::min(length, size - offset));
  if (window.Holds(offset) && window.Holds(offset + count - (count > 0 ? 1 : 0))) {
    return {reinterpret_cast<const char*>(window.At(offset, count)), count};
  }
  std::string text(count, '\0');
  if (!window.source().ReadAt(offset, std::as_writable_bytes(std::span(text)))) return {};
  return text;
}

}  // namespace

std::string ReadCut(ScanWindow& window, uint64_t offset, uint64_t length) {
  return ReadAside(window, offset, std::min<uint64_t>(length, kLongestName + 1));
}

bool ReadLiteral(ScanWindow& window, uint64_t opcode, std::string* text) {
  constexpr uint64_t kMost = 10 * (kLongestName + 1);  // each character may be escaped in up to 10 bytes
  const std::string start = ReadAside(window, opcode, 9);
  if (start.empty()) return false;
  const pickle::OpcodeInfo* info = pickle::FindOpcode(static_cast<uint8_t>(start[0]));
  if (info == nullptr) return false;
  const auto counted = [&](size_t width) {
    uint64_t length = 0;
    if (start.size() < 1 + width) return false;
    std::memcpy(&length, start.data() + 1, width);
    *text = ReadCut(window, opcode + 1 + width, length);
    return true;
  };
  switch (info->argument) {
    case Argument::kCounted1: return counted(1);
    case Argument::kCounted4: return counted(4);
    case Argument::kCounted8: return counted(8);
    case Argument::kLine:
    case Argument::kTwoLines: {
      std::string line = ReadAside(window, opcode + 1, 128);
      if (line.find('\n') == line.npos) line = ReadAside(window, opcode + 1, kMost);
      line.resize(std::min(line.find('\n'), line.size()));
      *text = info->code == Opcode::kString    ? UnescapeString(line)
              : info->code == Opcode::kUnicode ? UnescapeUnicode(line)
                                               : std::move(line);
      if (text->size() > kLongestName) text->resize(kLongestName + 1);
      return true;
    }
    default: return false;
  }
}

std::string UnescapeString(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (line.size() >= 2 && line.front() == line.back() && (line.front() == '\'' || line.front() == '"')) {
    line = line.substr(1, line.size() - 2);
  }
  static constexpr std::string_view kLetters = "abfnrtv\\'\"";
  static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
  std::string out;
  for (size_t i = 0; i < line.size();) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out.push_back(line[i++]);
      continue;
    }
    const char c = line[i + 1];
    i += 2;
    if (const size_t letter = kLetters.find(c); letter != kLetters.npos) {
      out.push_back(kMeanings[letter]);
    } else if (c == 'x') {
      if (const int64_t number = Digits(line, &i, 2, 16); number >= 0) out.push_back(static_cast<char>(number));
    } else if (c >= '0' && c <= '7') {
      --i;
      out.push_back(static_cast<char>(Digits(line, &i, 3, 8)));
    } else {
      out.push_back('\\');
      out.push_back(c);
    }
  }
  return out;
}

std::string UnescapeUnicode(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size();) {
    const bool escape = line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == 'u' || line[i + 1] == 'U');
    if (!escape) {
      const auto byte = static_cast<unsigned char>(line[i++]);
      AppendUtf8(out, byte);  // raw-unicode-escape: bytes are Latin-1
      continue;
    }
    const size_t digits = line[i + 1] == 'u' ? 4 : 8;
    i += 2;
    if (const int64_t number = Digits(line, &i, digits, 16); number >= 0) {
      if (number < 0x110000) AppendUtf8(out, static_cast<char32_t>(number));
    }
  }
  return out;
}

std::string BytesOfLatin1(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80) {
      out.push_back(static_cast<char>(byte));
    } else if ((byte == 0xC2 || byte == 0xC3) && i + 1 < utf8.size()) {
      out.push_back(static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>(utf8[++i]) & 63)));
    }
  }
  return out;
}

bool BeginsLikeFile(std::string_view head, ScanLiteral::Coding coding) {
  std::string decoded;
  if (coding == ScanLiteral::Coding::kUtf8) {
    decoded = BytesOfLatin1(head);
    head = decoded;
  } else if (coding == ScanLiteral::Coding::kEscaped) {
    if (!head.empty() && (head[0] == '\'' || head[0] == '"')) head.remove_prefix(1);  // its end is not in sight
    decoded = UnescapeString(head);
    head = decoded;
  }
  if (head.size() < 4) return false;
  if (head.starts_with("PK\3\4") || head.starts_with("PK\5\6") || head.starts_with("\x1f\x8b\x08") ||
      head.starts_with("\xfd"
                       "7zXZ") ||
      head.starts_with("\x93NUMPY")) {
    return true;
  }
  if (head[0] == '\x80' && static_cast<unsigned char>(head[1]) <= pickle::kLastProtocol) return true;
  // Protocols 0 and 1 have no mark of their own: a global within the first lines.
  if (std::string_view("c(i]}").find(head[0]) == std::string_view::npos) return false;
  return std::count(head.begin(), head.end(), '\n') >= 2;
}

bool MayBeSource(std::string_view head) {
  const bool text = std::all_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
  });
  return text && (head.find('(') != head.npos || head.find("import ") != head.npos || head.find('\n') != head.npos);
}

bool LooksLikeJson(std::string_view head) {
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first == head.npos || (head[first] != '{' && head[first] != '[')) return false;
  const size_t second = head.find_first_not_of(" \t\r\n", first + 1);
  return second == head.npos || std::string_view("\"{[]}-0123456789tfn").find(head[second]) != head.npos;
}

bool LooksLikeName(std::string_view text) {
  if (text.empty() || text.size() > kLongestName) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '<' || c == '>';
  });
}

}  // namespace pthview
