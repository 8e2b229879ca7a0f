// A table of short texts: columns as wide as they need to be, and those that say nothing left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/console.h"

namespace pthview {

struct TextColumn {
  std::string title;
  bool right = false;  // numbers stand to the right
  // A column all of whose cells are this is left out; nullopt-like: '\0' keeps it.
  std::string idle = std::string(1, '\0');
};

class TextTable {
 public:
  explicit TextTable(std::vector<TextColumn> columns) : columns_(std::move(columns)) {}

  // One cell a column, safe for a terminal already.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void Print(Output& out, const Style& style) const;
  bool empty() const { return rows_.empty(); }

 private:
  std::vector<TextColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// A number in at most nine signs: six significant digits less what they take too much; "-" for NaN.
std::string ShortNumber(double value);

}  // namespace pthview
