// Comma-separated values as RFC 4180 has them: the one writer of every verb's --csv.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/escape.h"
#include "tools/cli/console.h"
#include "tools/cli/terminal.h"

namespace pthview {

// A cell: quoted where it holds a comma, a quote or an end of line. A text that a spreadsheet would run as a formula
// (=, +, -, @ in front, and no number) gets an apostrophe in front. `text` is in escaped form.
std::string CsvCell(std::string_view text);

// Whether CsvCell leaves it as it is, for sure.
bool IsPlainCell(std::string_view text);

// Rows with CRLF between them, as the RFC says and every reader of CSV expects.
class CsvWriter {
 public:
  explicit CsvWriter(Output& out) : out_(out), on_terminal_(OnTerminal()) {}

  // On a terminal what acts on it is escaped; elsewhere a text is what it is.
  CsvWriter& Text(std::string_view text) {
    if (!on_terminal_ && IsPlainCell(text)) return Raw(text);
    return Raw(on_terminal_ ? CsvCell(EscapeForTerminal(text)) : CsvCell(text));
  }
  // What needs no quotes: a number, or nothing.
  CsvWriter& Raw(std::string_view text) {
    out_ << (first_ ? "" : ",") << text;
    first_ = false;
    return *this;
  }
  void EndRow() {
    out_ << "\r\n";
    first_ = true;
  }

 private:
  Output& out_;
  bool on_terminal_;
  bool first_ = true;
};

}  // namespace pthview
