#include "tools/cli/text_table.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "lib/base/ascii.h"
#include "lib/base/escape.h"

namespace pthview {
namespace {

// A cell that is wider moves what stands behind it, in its own row.
constexpr size_t kWidestColumn = 80;
constexpr size_t kNarrowestColumn = 8;
constexpr std::string_view kAlways("\0", 1);

size_t WidthOf(std::string_view text) { return ascii::IsPrintable(text) ? text.size() : DisplayWidth(text); }

}  // namespace

TextTable::TextTable(std::vector<TextColumn> columns) : columns_(std::move(columns)) {
  for (const TextColumn& column : columns_) {
    widths_.push_back(DisplayWidth(column.title));
    shown_.push_back(column.idle == kAlways);
  }
}

void TextTable::Add(std::span<const std::string_view> row) {
  for (size_t c = 0; c < columns_.size(); ++c) {
    widths_[c] = std::max(widths_[c], std::min(WidthOf(row[c]), kWidestColumn));
    if (!shown_[c] && row[c] != columns_[c].idle) shown_[c] = true;
    text_ += row[c];
    ends_.push_back(text_.size());
  }
}

size_t TextTable::Taken() const {
  size_t sum = 0;
  for (size_t c = 0; c < widths_.size(); ++c) sum += shown_[c] ? widths_[c] + (sum == 0 ? 0 : 2) : 0;
  return sum;
}

std::string TextTable::GiveUp(size_t width) {
  std::string titles;
  if (width == kNoWidthLimit) return titles;
  // Names, in the first column, may be cut, but not to less than 40 % of the line.
  const size_t most = width + widths_[0] - std::min(widths_[0], std::max(width * 2 / 5, kNarrowestColumn));
  while (Taken() > most) {
    size_t next = 0;
    for (size_t c = 1; c < columns_.size(); ++c) {
      if (shown_[c] && columns_[c].give_up > (next == 0 ? 0 : columns_[next].give_up)) next = c;
    }
    if (next == 0) break;
    shown_[next] = false;
    titles += fmt::format("{}{}", titles.empty() ? "" : ", ", columns_[next].title);
  }
  return titles;
}

void TextTable::FitInto(size_t width) {
  if (width == kNoWidthLimit) return;
  while (Taken() > width) {
    size_t widest = widths_.size();
    size_t next = kNarrowestColumn;
    for (size_t c = 0; c < widths_.size(); ++c) {
      if (!shown_[c] || columns_[c].right || columns_[c].whole || widths_[c] <= kNarrowestColumn) continue;
      if (widest == widths_.size() || widths_[c] > widths_[widest]) {
        if (widest != widths_.size()) next = std::max(next, widths_[widest]);
        widest = c;
      } else {
        next = std::max(next, widths_[c]);
      }
    }
    if (widest == widths_.size()) return;  // wider than the terminal, then
    cut_ = true;
    const size_t over = Taken() - width;
    const size_t down_to = std::max(next, kNarrowestColumn);
    const size_t give = std::max<size_t>(std::min(over, widths_[widest] - std::min(down_to, widths_[widest] - 1)), 1);
    widths_[widest] -= give;
  }
}

void TextTable::AppendLine(std::string& line, std::span<const std::string_view> row) const {
  const size_t begin = line.size();
  bool first = true;
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (!shown_[c]) continue;
    std::string_view word = row[c];
    std::string cut;
    size_t width = WidthOf(word);
    if (cut_ && !columns_[c].right && width > widths_[c]) {
      word = cut = FitText(word, widths_[c]);
      width = DisplayWidth(word);
    }
    const size_t fill = width < widths_[c] ? widths_[c] - width : 0;
    if (!first) line += "  ";
    first = false;
    if (columns_[c].right) line.append(fill, ' ');
    line += word;
    if (!columns_[c].right) line.append(fill, ' ');
  }
  while (line.size() > begin && line.back() == ' ') line.pop_back();
}

void TextTable::PrintRow(Output& out, std::span<const std::string_view> row) const {
  AppendLine(out.buffer(), row);
  out << "\n";
}

void TextTable::Print(Output& out, const Style& style, size_t width, std::string above) {
  if (const std::string titles = GiveUp(width); !titles.empty()) {
    above += fmt::format("{}No room for: {}.", above.empty() ? "" : " ", titles);
  }
  if (!above.empty()) out << WrapText(above, width, 0, 0) << "\n";
  FitInto(width);
  std::vector<std::string_view> cells;
  for (const TextColumn& column : columns_) cells.push_back(column.title);
  std::string header;
  AppendLine(header, cells);
  out << style.Bold(header) << "\n";
  const size_t count = columns_.size();
  for (size_t row = 0; row * count < ends_.size(); ++row) {
    for (size_t c = 0; c < count; ++c) {
      const size_t at = row * count + c;
      const size_t begin = at == 0 ? 0 : ends_[at - 1];
      cells[c] = std::string_view(text_).substr(begin, ends_[at] - begin);
    }
    PrintRow(out, cells);
  }
}

std::string ShortNumber(double value) {
  if (std::isnan(value)) return "-";
  std::string text = fmt::format("{:.4g}", value);
  return text == "-0" ? "0" : text;
}

}  // namespace pthview
