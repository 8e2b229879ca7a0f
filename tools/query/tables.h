// The tables that a query sees: what each column is, and how its value is taken from the model. Nothing here knows
// SQL's engine; query.md, the table `columns` and the messages about misspelt names come from these descriptions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/query/session.h"

namespace pthview::query {

// One value. Empty until one of the setters is called: NULL.
class Cell {
 public:
  enum class Kind : uint8_t { kNull, kInteger, kReal, kText };

  void Integer(int64_t value) { kind_ = Kind::kInteger, integer_ = value; }
  void Real(double value) { kind_ = Kind::kReal, real_ = value; }
  void Text(std::string_view value) { kind_ = Kind::kText, text_ = value; }  // lives as long as the session
  // A text that was made here.
  void Made(std::string value) {
    made_ = std::move(value);
    kind_ = Kind::kText;
    text_ = made_;
  }

  Kind kind() const { return kind_; }
  int64_t integer() const { return integer_; }
  double real() const { return real_; }
  std::string_view text() const { return text_; }
  bool made() const { return text_.data() == made_.data(); }

 private:
  Kind kind_ = Kind::kNull;
  int64_t integer_ = 0;
  double real_ = 0;
  std::string_view text_;
  std::string made_;
};

// A row of a table: `row` counts within the file.
struct Row {
  Session& session;
  size_t file;
  size_t row;
  bool percentiles = false;  // the query reads some
  const Model& model() const { return session.model(file); }
};

struct Column {
  std::string_view name;
  std::string_view type;  // TEXT, INTEGER or REAL
  std::string_view unit;  // empty for texts and the like
  std::string meaning;
  std::function<void(const Row&, Cell&)> value;
  bool indexed = false;     // rows with a given text are found without looking at the others
  bool percentile = false;  // reading it takes percentiles
};

struct Table {
  std::string_view name;
  std::string_view meaning;
  std::vector<Column> columns;
  size_t (*rows)(Session& session, size_t file);  // of one file
  bool per_file = true;                           // false: its rows are about no file, and stand once
};

std::span<const Table> Tables();

}  // namespace pthview::query
