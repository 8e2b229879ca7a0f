// A result's rows for people and for programs: a table, CSV, JSON, Markdown.
#pragma once

#include <memory>

#include "lib/base/json.h"
#include "tools/cli/arguments.h"
#include "tools/cli/console.h"
#include "tools/query/database.h"

namespace pthview::query {

class ResultWriter : public RowSink {
 public:
  // After the last row, and when an error came between.
  virtual void End() = 0;
};

// As --csv, --markdown say, else a table that fits the terminal. Of a table the first 10,000 rows decide how wide its
// columns are.
std::unique_ptr<ResultWriter> WriterFor(const Arguments& arguments, Output& out);

// Members "columns" and "rows" of an object that is open.
std::unique_ptr<ResultWriter> JsonRows(JsonWriter& json, Output& out);

// A cell of a table in Markdown: signs that would be markup, or end the cell, are escaped.
std::string MarkdownCell(std::string_view text);

}  // namespace pthview::query
