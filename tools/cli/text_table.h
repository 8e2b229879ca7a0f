// A table of short texts: columns as wide as they need to be, and those that say nothing left out.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/display_width.h"
#include "tools/cli/console.h"

namespace pthview {

struct TextColumn {
  std::string title;
  bool right = false;  // numbers stand to the right
  // A column all of whose cells are this is left out; nullopt-like: '\0' keeps it.
  std::string idle = std::string(1, '\0');
  // Where there is no room, the columns with the highest number go first, before names are cut; 0: stays.
  int give_up = 0;
  bool whole = false;  // never cut, as what stands to the right
};

class TextTable {
 public:
  explicit TextTable(std::vector<TextColumn> columns);

  // One cell a column, safe for a terminal already.
  void Add(std::span<const std::string_view> row);
  void Add(const std::vector<std::string>& row) { Add(std::vector<std::string_view>(row.begin(), row.end())); }
  // Where a line would take more than `width`, columns that may be are given up, which is said above the table, behind
  // `above`; then texts give up width, the widest first, and what does not fit loses its middle.
  void Print(Output& out, const Style& style, size_t width = kNoWidthLimit, std::string above = {});
  // A further row, in the columns of what was printed.
  void PrintRow(Output& out, std::span<const std::string_view> row) const;
  // Before Print: whether numbers stand to the right.
  void SetRight(size_t column, bool right) { columns_[column].right = right; }
  bool empty() const { return ends_.empty(); }

 private:
  void FitInto(size_t width);
  // Their titles; empty: none.
  std::string GiveUp(size_t width);
  size_t Taken() const;
  void AppendLine(std::string& text, std::span<const std::string_view> row) const;

  std::vector<TextColumn> columns_;
  // The cells, one behind the other: there may be a million.
  std::string text_;
  std::vector<size_t> ends_;
  std::vector<size_t> widths_;
  std::vector<bool> shown_;
  bool cut_ = false;
};

// A number in at most nine signs: six significant digits less what they take too much; "-" for NaN.
std::string ShortNumber(double value);

}  // namespace pthview
