#include "lib/base/escape.h"

#include <random>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pthview {
namespace {

// What a reader of the escaped form does: the inverse of EscapeName.
std::string Unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
    } else if (text[i + 1] == '\\') {
      out += '\\';
      ++i;
    } else if (text[i + 1] == 'x') {
      out += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else {
      int value = std::stoi(text.substr(i + 2, 4), nullptr, 16);
      out += static_cast<char>(0xE0 | value >> 12);
      out += static_cast<char>(0x80 | (value >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (value & 0x3F));
      i += 5;
    }
  }
  return out;
}

TEST(EscapeName, PlainTextIsItself) {
  for (std::string text : {"", "layer1.0.conv1.weight", "Größe", "重み", "😀", "a\nb"}) {
    EXPECT_TRUE(IsPlainText(text)) << text;
    EXPECT_EQ(EscapeName(text), text);
  }
}

TEST(EscapeName, WritesWhatIsNotUtf8) {
  struct Case {
    std::string bytes;
    std::string escaped;
  };
  const Case kCases[] = {
      {"a\\b", "a\\\\b"},
      {"\xff", "\\xff"},
      {"\x80", "\\x80"},
      {"\xC0\xAF", "\\xc0\\xaf"},                    // an overlong slash
      {"\xE0\x80\xAF", "\\xe0\\x80\\xaf"},           // and a longer one
      {"\xF0\x80\x80\xAF", "\\xf0\\x80\\x80\\xaf"},  // and the longest
      {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // past U+10FFFF
      {"\xF5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
      {"\xE2\x82", "\\xe2\\x82"},  // cut short
      {"\xED\xA0\x80", "\\ud800"},
      {"\xED\xBF\xBF!", "\\udfff!"},
      {"\xED\x9F\xBF", "\xED\x9F\xBF"},  // the last before the surrogates
      {"\xEE\x80\x80", "\xEE\x80\x80"},  // the first after
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(EscapeName(c.bytes), c.escaped);
    EXPECT_EQ(IsPlainText(c.bytes), c.bytes == c.escaped) << c.escaped;
  }
}

TEST(EscapeName, IsReversibleAndValidUtf8) {
  std::mt19937 random(1);
  const std::string kPieces[] = {"\\",   "x41", "u0041",        "\xED\xA0\x80", "\xED\xB0\x80",
                                 "\xE9", "é",   "\xF0\x9F\x98", "\xff"};
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (int i = 0; i < 6; ++i) {
      bytes += random() % 2 == 0 ? kPieces[random() % std::size(kPieces)] : std::string(1, static_cast<char>(random()));
    }
    std::string escaped = EscapeName(bytes);
    EXPECT_EQ(Unescape(escaped), bytes);
    // Nothing but the backslashes keeps the result from being plain text.
    std::string rest = escaped;
    std::erase(rest, '\\');
    EXPECT_TRUE(IsPlainText(rest)) << rest;
  }
}

TEST(EscapeForTerminal, LeavesTextAndEscapesWhatMovesTheCursorOrHides) {
  EXPECT_EQ(EscapeForTerminal("conv.weight 重み é 😀 a\\b"), "conv.weight 重み é 😀 a\\b");
  EXPECT_EQ(EscapeForTerminal("a\nb\tc\x1b[2Jd\x7f"), "a\\x0ab\\x09c\\x1b[2Jd\\x7f");
  EXPECT_EQ(EscapeForTerminal(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(EscapeForTerminal("\xff\xED\xA0\x80"), "\\xff\\ud800");
  EXPECT_EQ(EscapeForTerminal("\xC2\x9B"), "\\u009b");  // C1 control sequence introducer
}

std::string Utf8(char32_t c) {
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
  if (c < 0x10000) {
    return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
            static_cast<char>(0x80 | (c & 63))};
  }
  return {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
          static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
}

TEST(EscapeForTerminal, EscapesEveryBidirectionalAndZeroWidthCharacter) {
  for (char32_t c : {0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069,
                     0x061C, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x2028, 0x2029, 0x0080, 0x0085, 0x009F}) {
    EXPECT_EQ(EscapeForTerminal("a" + Utf8(c)), fmt::format("a\\u{:04x}", static_cast<unsigned>(c)));
  }
  EXPECT_EQ(EscapeForTerminal(Utf8(0xE0041)), "\\U000e0041");
  for (char32_t c : {0x00A0, 0x200A, 0x2010, 0x2027, 0x202F, 0x205F, 0x2070, 0x061B, 0xFEFE}) {
    EXPECT_EQ(EscapeForTerminal(Utf8(c)), Utf8(c)) << static_cast<unsigned>(c);
  }
}

TEST(AppendJsonString, EscapesWhatJsonAndHtmlNeed) {
  struct Case {
    std::string text;
    std::string json;
  };
  const Case kCases[] = {
      {"", R"("")"},
      {"a\"b", R"("a\"b")"},
      {"a\\\\b", R"("a\\\\b")"},
      {std::string("\0\x01\x1f", 3), R"("\u0000\u0001\u001f")"},
      {"\n\r\t", R"("\n\r\t")"},
      {"</script>", R"("<\/script>")"},
      {"<!--<script>", R"("\u003c!--<script>")"},
      {"<", R"("<")"},
      {"é重😀", R"("é重😀")"},
      {"\xff", R"("\\xff")"},
      {"\xED\xA0\x80", R"("\\ud800")"},
      {"\xE2\x80\xA8", R"("\u2028")"},
      {"a\x7F\xC2\x9B\xE2\x80\xAE", R"("a\u007f\u009b\u202e")"},
      {"\xF3\xA0\x80\xA1", R"("\udb40\udc21")"},
  };
  for (const Case& c : kCases) {
    std::string out = ">";
    AppendJsonString(out, c.text);
    EXPECT_EQ(out, ">" + c.json);
  }
}

TEST(UnescapeName, IsTheWayBack) {
  for (std::string bytes : {"plain", "\\", "\\x41", "\xFF\xFE", "\xED\xA0\x80", "\xC3\xA9", "\\\\u"}) {
    EXPECT_EQ(UnescapeName(EscapeName(bytes)), bytes);
  }
  EXPECT_EQ(UnescapeName("\\q\\x4\\"), "\\q\\x4\\") << "what is no escape stands for itself";
}

TEST(EscapeForHtml, ReplacesTheFiveCharacters) {
  EXPECT_EQ(EscapeForHtml("<a href=\"x\">R&D's</a>"), "&lt;a href=&quot;x&quot;&gt;R&amp;D&#39;s&lt;/a&gt;");
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(DisplayWidth(""), 0U);
  EXPECT_EQ(DisplayWidth("conv1"), 5U);
  EXPECT_EQ(DisplayWidth("é"), 1U);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1U);  // with a combining accent
  EXPECT_EQ(DisplayWidth("重み"), 4U);
  EXPECT_EQ(DisplayWidth("한국"), 4U);
  EXPECT_EQ(DisplayWidth("Ａ"), 2U);
  EXPECT_EQ(DisplayWidth("ｱ"), 1U);
  EXPECT_EQ(DisplayWidth("😀!"), 3U);
  EXPECT_EQ(DisplayWidth("→"), 1U);
}

}  // namespace
}  // namespace pthview
