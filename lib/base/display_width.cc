#include "lib/base/display_width.h"

#include <algorithm>

#include "lib/base/utf8.h"

namespace pthview {
namespace {

struct WidthRange {
  char32_t first;
  char32_t last;
  size_t columns;
};

// Code points that do not take one column, by block rather than one by one: combining marks take none; East Asian wide
// and full-width characters and emoji take two (Unicode Standard Annex 11). Sorted.
constexpr WidthRange kWidths[] = {
    {0x0300, 0x036F, 0},   {0x0483, 0x0489, 0},   {0x0591, 0x05BD, 0},   {0x0610, 0x061A, 0},   {0x064B, 0x065F, 0},
    {0x06D6, 0x06DC, 0},   {0x0900, 0x0902, 0},   {0x0E31, 0x0E31, 0},   {0x0E34, 0x0E3A, 0},   {0x0E47, 0x0E4E, 0},
    {0x1100, 0x115E, 2},   {0x1AB0, 0x1AFF, 0},   {0x1DC0, 0x1DFF, 0},   {0x20D0, 0x20FF, 0},   {0x231A, 0x231B, 2},
    {0x2329, 0x232A, 2},   {0x23E9, 0x23EC, 2},   {0x23F0, 0x23F0, 2},   {0x23F3, 0x23F3, 2},   {0x25FD, 0x25FE, 2},
    {0x2614, 0x2615, 2},   {0x2648, 0x2653, 2},   {0x267F, 0x267F, 2},   {0x2693, 0x2693, 2},   {0x26A1, 0x26A1, 2},
    {0x26AA, 0x26AB, 2},   {0x26BD, 0x26BE, 2},   {0x26C4, 0x26C5, 2},   {0x26CE, 0x26CE, 2},   {0x26D4, 0x26D4, 2},
    {0x26EA, 0x26EA, 2},   {0x26F2, 0x26F3, 2},   {0x26F5, 0x26F5, 2},   {0x26FA, 0x26FA, 2},   {0x26FD, 0x26FD, 2},
    {0x2705, 0x2705, 2},   {0x270A, 0x270B, 2},   {0x2728, 0x2728, 2},   {0x274C, 0x274C, 2},   {0x274E, 0x274E, 2},
    {0x2753, 0x2755, 2},   {0x2757, 0x2757, 2},   {0x2795, 0x2797, 2},   {0x27B0, 0x27B0, 2},   {0x27BF, 0x27BF, 2},
    {0x2B1B, 0x2B1C, 2},   {0x2B50, 0x2B50, 2},   {0x2B55, 0x2B55, 2},   {0x2E80, 0x303E, 2},   {0x3041, 0x3098, 2},
    {0x3099, 0x309A, 0},   {0x309B, 0x33FF, 2},   {0x3400, 0x4DBF, 2},   {0x4E00, 0xA4CF, 2},   {0xA960, 0xA97F, 2},
    {0xAC00, 0xD7A3, 2},   {0xF900, 0xFAFF, 2},   {0xFE00, 0xFE0F, 0},   {0xFE10, 0xFE19, 2},   {0xFE20, 0xFE2F, 0},
    {0xFE30, 0xFE6F, 2},   {0xFF01, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2},   {0x16FE0, 0x18DFF, 2}, {0x1AFF0, 0x1B2FF, 2},
    {0x1F004, 0x1F004, 2}, {0x1F0CF, 0x1F0CF, 2}, {0x1F18E, 0x1F18E, 2}, {0x1F191, 0x1F19A, 2}, {0x1F200, 0x1F320, 2},
    {0x1F32D, 0x1F335, 2}, {0x1F337, 0x1F37C, 2}, {0x1F37E, 0x1F393, 2}, {0x1F3A0, 0x1F3CA, 2}, {0x1F3CF, 0x1F3D3, 2},
    {0x1F3E0, 0x1F3F0, 2}, {0x1F3F4, 0x1F3F4, 2}, {0x1F3F8, 0x1F43E, 2}, {0x1F440, 0x1F440, 2}, {0x1F442, 0x1F4FC, 2},
    {0x1F4FF, 0x1F53D, 2}, {0x1F54B, 0x1F54E, 2}, {0x1F550, 0x1F567, 2}, {0x1F57A, 0x1F57A, 2}, {0x1F595, 0x1F596, 2},
    {0x1F5A4, 0x1F5A4, 2}, {0x1F5FB, 0x1F64F, 2}, {0x1F680, 0x1F6C5, 2}, {0x1F6CC, 0x1F6CC, 2}, {0x1F6D0, 0x1F6D2, 2},
    {0x1F6D5, 0x1F6D7, 2}, {0x1F6DC, 0x1F6DF, 2}, {0x1F6EB, 0x1F6EC, 2}, {0x1F6F4, 0x1F6FC, 2}, {0x1F7E0, 0x1F7EB, 2},
    {0x1F7F0, 0x1F7F0, 2}, {0x1F90C, 0x1F93A, 2}, {0x1F93C, 0x1F945, 2}, {0x1F947, 0x1F9FF, 2}, {0x1FA70, 0x1FAFF, 2},
    {0x20000, 0x3FFFD, 2},
};

size_t Columns(char32_t c) {
  if (c < kWidths[0].first) return 1;
  const WidthRange* range = std::lower_bound(std::begin(kWidths), std::end(kWidths), c,
                                             [](const WidthRange& r, char32_t value) { return r.last < value; });
  return range != std::end(kWidths) && range->first <= c ? range->columns : 1;
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t columns = 0;
  for (size_t i = 0; i < text.size();) {
    CodePoint c = DecodeUtf8(text, i);
    columns += Columns(c.value);
    i += c.length;
  }
  return columns;
}

namespace {

constexpr std::string_view kCut = "…";

// Bytes of the longest beginning of `text` that takes at most `columns`, with the marks that belong to its last
// character.
size_t HeadWithin(std::string_view text, size_t columns) {
  size_t at = 0;
  for (size_t used = 0; at < text.size();) {
    CodePoint c = DecodeUtf8(text, at);
    used += Columns(c.value);
    if (used > columns) break;
    at += c.length;
  }
  return at;
}

// Where the longest end of `text` begins that takes at most `columns` and does not begin with a combining mark.
size_t TailWithin(std::string_view text, size_t columns) {
  size_t begin = text.size();
  size_t used = 0;
  for (size_t at = text.size(); at > 0;) {
    size_t start = at - 1;
    while (start > 0 && at - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    if (DecodeUtf8(text, start).length != at - start) start = at - 1;  // an invalid byte
    const size_t width = Columns(DecodeUtf8(text, start).value);
    if (used + width > columns) break;
    used += width;
    at = start;
    if (width > 0) begin = at;
  }
  return begin;
}

}  // namespace

std::string FitText(std::string_view text, size_t columns) {
  // A character takes at least a byte, so most texts need not be looked at.
  if (text.size() <= columns || DisplayWidth(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  const size_t head = (columns - 1) / 3;
  std::string fitted(text.substr(0, HeadWithin(text, head)));
  fitted += kCut;
  return fitted.append(text.substr(TailWithin(text, columns - 1 - head)));
}

std::string CutText(std::string_view text, size_t columns) {
  if (text.size() <= columns || DisplayWidth(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  return std::string(text.substr(0, HeadWithin(text, columns - 1))).append(kCut);
}

std::string WrapText(std::string_view text, size_t columns, size_t first, size_t indent) {
  if (columns == kNoWidthLimit) return std::string(text);
  std::string wrapped;
  size_t used = first;
  size_t start = first;  // of the line: what stands there was not put there here
  for (size_t at = 0; at < text.size();) {
    const size_t blanks = std::min(text.find_first_not_of(' ', at), text.size()) - at;
    const size_t end = std::min(text.find(' ', at + blanks), text.size());
    const std::string_view word = text.substr(at + blanks, end - at - blanks);
    const size_t width = DisplayWidth(word);
    if (used + blanks + width > columns && used > start) {
      wrapped += '\n';
      wrapped.append(indent, ' ');
      used = indent + width;
      start = indent;
    } else {
      wrapped.append(blanks, ' ');
      used += blanks + width;
    }
    wrapped += word;
    at = end;
  }
  return wrapped;
}

}  // namespace pthview
