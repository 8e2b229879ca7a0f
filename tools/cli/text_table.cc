#include "tools/cli/text_table.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "lib/base/escape.h"

namespace pthview {
namespace {

// A cell that is wider moves what stands behind it, in its own row.
constexpr size_t kWidestColumn = 80;

}  // namespace

void TextTable::Print(Output& out, const Style& style) const {
  std::vector<size_t> widths(columns_.size());
  std::vector<bool> shown(columns_.size());
  for (size_t c = 0; c < columns_.size(); ++c) {
    widths[c] = columns_[c].title.size();
    shown[c] = std::ranges::any_of(rows_, [&](const auto& row) { return row[c] != columns_[c].idle; });
    for (const auto& row : rows_) widths[c] = std::max(widths[c], std::min(DisplayWidth(row[c]), kWidestColumn));
  }
  auto line = [&](auto cell) {
    std::string text;
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (!shown[c]) continue;
      std::string_view word = cell(c);
      size_t width = DisplayWidth(word);
      std::string fill(width < widths[c] ? widths[c] - width : 0, ' ');
      if (!text.empty()) text += "  ";
      text += columns_[c].right ? fill + std::string(word) : std::string(word) + fill;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  out << style.Bold(line([&](size_t c) { return std::string_view(columns_[c].title); })) << "\n";
  for (const auto& row : rows_) out << line([&](size_t c) { return std::string_view(row[c]); }) << "\n";
}

std::string ShortNumber(double value) {
  if (std::isnan(value)) return "-";
  std::string text = fmt::format("{:.4g}", value);
  return text == "-0" ? "0" : text;
}

}  // namespace pthview
