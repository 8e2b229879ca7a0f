#include "tools/query/result_writer.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "lib/base/ascii.h"
#include "lib/base/escape.h"
#include "tools/cli/csv.h"
#include "tools/cli/terminal.h"
#include "tools/cli/text_table.h"

namespace pthview::query {
namespace {

constexpr size_t kRowsHeld = 10'000;

bool IsWordSign(char c) { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'; }

// As SQL writes it: X'00FF'.
std::string BlobText(std::string_view bytes) {
  std::string text = "X'";
  for (unsigned char byte : bytes) text += fmt::format("{:02X}", byte);
  return text + "'";
}

// A number with all its digits; empty for NULL.
std::string PlainText(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull: return {};
    case Value::Kind::kInteger: return std::to_string(value.integer);
    case Value::Kind::kReal: return fmt::format("{}", value.real);
    case Value::Kind::kText: return std::string(value.text);
    case Value::Kind::kBlob: return BlobText(value.text);
  }
  return {};
}

bool IsNumber(const Value& value) { return value.kind == Value::Kind::kInteger || value.kind == Value::Kind::kReal; }

class TableWriter : public ResultWriter {
 public:
  TableWriter(Output& out, const Style& style, size_t width) : out_(out), style_(style), width_(width) {}

  void Begin(std::span<const std::string> columns) override {
    std::vector<TextColumn> titles;
    for (const std::string& name : columns) titles.push_back({.title = EscapeForTerminal(name)});
    right_.assign(columns.size(), true);
    texts_.resize(columns.size());
    cells_.resize(columns.size());
    table_.emplace(std::move(titles));
  }
  void Row(std::span<const Value> values) override {
    for (size_t c = 0; c < values.size(); ++c) {
      cells_[c] = Shown(values[c], texts_[c]);
      if (values[c].kind != Value::Kind::kNull && !IsNumber(values[c])) right_[c] = false;
    }
    if (rows_ >= kRowsHeld) {
      table_->PrintRow(out_, cells_);
    } else {
      table_->Add(cells_);
    }
    if (++rows_ == kRowsHeld) PrintHeld();
  }
  void End() override {
    if (rows_ < kRowsHeld) PrintHeld();
    out_ << style_.Bold(fmt::format("{} row{}", WithCommas(rows_), rows_ == 1 ? "" : "s")) << "\n";
  }

 private:
  // Numbers short, as in `stats`; "-" for NULL. `made` holds the text where it is not the value's own.
  static std::string_view Shown(const Value& value, std::string& made) {
    switch (value.kind) {
      case Value::Kind::kNull: return "-";
      case Value::Kind::kReal: return made = ShortNumber(value.real);
      case Value::Kind::kText:
        if (ascii::IsPrintable(value.text)) return value.text;
        return made = EscapeForTerminal(value.text);
      default: return made = PlainText(value);
    }
  }
  void PrintHeld() {
    // A column is one of numbers where all of the rows so far are.
    for (size_t c = 0; c < right_.size(); ++c) table_->SetRight(c, right_[c]);
    table_->Print(out_, style_, width_);
  }

  Output& out_;
  Style style_;
  size_t width_;
  uint64_t rows_ = 0;
  std::vector<bool> right_;
  std::vector<std::string> texts_;
  std::vector<std::string_view> cells_;
  std::optional<TextTable> table_;
};

class CsvRows : public ResultWriter {
 public:
  explicit CsvRows(Output& out) : csv_(out) {}
  void Begin(std::span<const std::string> columns) override {
    for (const std::string& name : columns) csv_.Text(name);
    csv_.EndRow();
  }
  void Row(std::span<const Value> values) override {
    for (const Value& value : values) {
      if (value.kind == Value::Kind::kText) {
        csv_.Text(value.text);
      } else {
        csv_.Raw(PlainText(value));
      }
    }
    csv_.EndRow();
  }
  void End() override {}

 private:
  CsvWriter csv_;
};

class MarkdownRows : public ResultWriter {
 public:
  explicit MarkdownRows(Output& out) : out_(out) {}
  void Begin(std::span<const std::string> columns) override {
    std::string rule = "|";
    out_ << "|";
    for (const std::string& name : columns) {
      out_ << " " << MarkdownCell(name) << " |";
      rule += " --- |";
    }
    out_ << "\n" << rule << "\n";
  }
  void Row(std::span<const Value> values) override {
    out_ << "|";
    for (const Value& value : values) {
      out_ << " " << (IsNumber(value) ? PlainText(value) : MarkdownCell(PlainText(value))) << " |";
    }
    out_ << "\n";
  }
  void End() override {}

 private:
  Output& out_;
};

class JsonRowsWriter : public ResultWriter {
 public:
  JsonRowsWriter(JsonWriter& json, Output& out) : json_(json), out_(out) {}
  void Begin(std::span<const std::string> columns) override {
    json_.Key("columns").BeginArray();
    for (const std::string& name : columns) json_.String(name);
    json_.EndArray().Key("rows").BeginArray();
    begun_ = true;
  }
  void Row(std::span<const Value> values) override {
    json_.BeginArray();
    for (const Value& value : values) {
      switch (value.kind) {
        case Value::Kind::kNull: json_.Null(); break;
        case Value::Kind::kInteger: json_.Int(value.integer); break;
        case Value::Kind::kReal: json_.Double(value.real); break;
        case Value::Kind::kText: json_.String(value.text); break;
        case Value::Kind::kBlob: json_.String(BlobText(value.text)); break;
      }
    }
    json_.EndArray();
    out_.MaybeFlush();
  }
  void End() override {
    if (begun_) json_.EndArray();
  }

 private:
  JsonWriter& json_;
  Output& out_;
  bool begun_ = false;
};

}  // namespace

std::string MarkdownCell(std::string_view text) {
  std::string cell;
  const std::string safe = EscapeForTerminal(text);
  for (size_t at = 0; at < safe.size(); ++at) {
    const char c = safe[at];
    switch (c) {
      case '<': cell += "&lt;"; continue;
      case '>': cell += "&gt;"; continue;
      case '&': cell += "&amp;"; continue;
      default: break;
    }
    // Colon and at sign: addresses would become links.
    if (std::string_view("\\`*[]|~:@$").find(c) != std::string_view::npos) cell += '\\';
    // Inside of a word an underscore is one.
    if (c == '_' && (at == 0 || at + 1 == safe.size() || !IsWordSign(safe[at - 1]) || !IsWordSign(safe[at + 1])))
      cell += '\\';
    cell += c;
  }
  return cell;
}

std::unique_ptr<ResultWriter> WriterFor(const Arguments& arguments, Output& out) {
  if (arguments.Flag("csv")) return std::make_unique<CsvRows>(out);
  if (arguments.Flag("markdown")) return std::make_unique<MarkdownRows>(out);
  return std::make_unique<TableWriter>(out, Style(UseColor(arguments)), ReadableWidth(arguments));
}

std::unique_ptr<ResultWriter> JsonRows(JsonWriter& json, Output& out) {
  return std::make_unique<JsonRowsWriter>(json, out);
}

}  // namespace pthview::query
