#include "lib/base/escape.h"

#include <algorithm>
#include <cstdint>

#include "lib/base/utf8.h"

namespace pthview {
namespace {

// Appends `prefix` and the lowest `digits` hexadecimal digits of `value`.
void AppendHex(std::string& out, std::string_view prefix, char32_t value, int digits) {
  out += prefix;
  for (int i = digits - 1; i >= 0; --i) out += "0123456789abcdef"[(value >> (4 * i)) & 15];
}

// `\xNN` for a byte, `\uDNNN` for a surrogate.
void AppendInvalid(std::string& out, const CodePoint& c, std::string_view backslash) {
  out += backslash;
  if (c.surrogate) {
    AppendHex(out, "u", c.value, 4);
  } else {
    AppendHex(out, "x", c.value, 2);
  }
}

struct Range {
  char32_t first;
  char32_t last;
};

// Characters that move the cursor, change the direction of text, or cannot be seen. Sorted.
constexpr Range kUnsafe[] = {
    {0x0000, 0x001F},    // C0 controls
    {0x007F, 0x009F},    // DEL and C1 controls
    {0x00AD, 0x00AD},    // soft hyphen
    {0x061C, 0x061C},    // Arabic letter mark
    {0x115F, 0x1160},    // Hangul fillers
    {0x180E, 0x180E},    // Mongolian vowel separator
    {0x200B, 0x200F},    // zero width, left-to-right and right-to-left marks
    {0x2028, 0x202E},    // line and paragraph separators, bidirectional embeddings and overrides
    {0x2060, 0x206F},    // word joiner, invisible operators, bidirectional isolates, deprecated format characters
    {0x3164, 0x3164},    // Hangul filler
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFA0, 0xFFA0},    // half-width Hangul filler
    {0xFFF9, 0xFFFB},    // interlinear annotation
    {0xE0000, 0xE0FFF},  // tags and variation selectors that no terminal shows
};

bool IsUnsafe(char32_t c) {
  const Range* range = std::lower_bound(std::begin(kUnsafe), std::end(kUnsafe), c,
                                        [](const Range& r, char32_t value) { return r.last < value; });
  return range != std::end(kUnsafe) && range->first <= c;
}

}  // namespace

bool IsPlainText(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    CodePoint c = DecodeUtf8(bytes, i);
    if (!c.valid || c.value == '\\') return false;
    i += c.length;
  }
  return true;
}

std::string EscapeName(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    size_t plain = i;
    while (plain < bytes.size() && static_cast<unsigned char>(bytes[plain]) < 0x80 && bytes[plain] != '\\') ++plain;
    out += bytes.substr(i, plain - i);
    i = plain;
    if (i == bytes.size()) break;
    CodePoint c = DecodeUtf8(bytes, i);
    if (!c.valid) {
      AppendInvalid(out, c, "\\");
    } else if (c.value == '\\') {
      out += "\\\\";
    } else {
      out += bytes.substr(i, c.length);
    }
    i += c.length;
  }
  return out;
}

std::string UnescapeName(std::string_view escaped) {
  std::string out;
  out.reserve(escaped.size());
  auto hex = [&](size_t at, size_t digits) -> int {
    if (at + digits > escaped.size()) return -1;
    int value = 0;
    for (char c : escaped.substr(at, digits)) {
      const size_t digit = std::string_view("0123456789abcdef").find(c);
      if (digit == std::string_view::npos) return -1;
      value = value * 16 + static_cast<int>(digit);
    }
    return value;
  };
  for (size_t i = 0; i < escaped.size();) {
    const char next = escaped[i] == '\\' && i + 1 < escaped.size() ? escaped[i + 1] : '\0';
    if (next == '\\') {
      out += '\\';
      i += 2;
    } else if (int byte = next == 'x' ? hex(i + 2, 2) : -1; byte >= 0) {
      out += static_cast<char>(byte);
      i += 4;
    } else if (int unit = next == 'u' ? hex(i + 2, 4) : -1; unit >= 0xD800 && unit <= 0xDFFF) {
      out += static_cast<char>(0xE0 | (unit >> 12));
      out += static_cast<char>(0x80 | ((unit >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (unit & 0x3F));
      i += 6;
    } else {
      out += escaped[i++];
    }
  }
  return out;
}

std::string EscapeForTerminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    CodePoint c = DecodeUtf8(text, i);
    if (!c.valid) {
      AppendInvalid(out, c, "\\");
    } else if (!IsUnsafe(c.value)) {
      out += text.substr(i, c.length);
    } else if (c.value < 0x80) {
      AppendHex(out, "\\x", c.value, 2);
    } else if (c.value < 0x10000) {
      AppendHex(out, "\\u", c.value, 4);
    } else {
      AppendHex(out, "\\U", c.value, 8);
    }
    i += c.length;
  }
  return out;
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    CodePoint c = DecodeUtf8(text, i);
    char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (!c.valid) {
      AppendInvalid(out, c, "\\\\");
    } else if (c.value == '"' || c.value == '\\') {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (c.value > 0xFFFF && IsUnsafe(c.value)) {
      AppendHex(out, "\\u", 0xD800 + ((c.value - 0x10000) >> 10), 4);
      AppendHex(out, "\\u", 0xDC00 + ((c.value - 0x10000) & 0x3FF), 4);
    } else if (c.value < 0x20 || (c.value >= 0x7F && IsUnsafe(c.value))) {
      AppendHex(out, "\\u", c.value, 4);
    } else if (c.value == '<' && next == '/') {
      out += "<\\/";
      ++i;
    } else if (c.value == '<' && next == '!') {
      // After `<!--<script>` in a script element, `</script>` would not end it.
      out += "\\u003c";
    } else {
      out += text.substr(i, c.length);
    }
    i += c.length;
  }
  out += '"';
}

std::string EscapeForHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace pthview
