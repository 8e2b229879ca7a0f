#include "lib/base/json.h"

#include <charconv>
#include <cmath>

#include "lib/base/escape.h"

namespace pthview {

// Writes what must stand between the previous token and the value or key that comes now.
void JsonWriter::Separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (levels_.empty()) return;
  Level& level = levels_.back();
  if (level.any) *out_ += ',';
  if (level.compact) {
    if (level.any && indent_ > 0) *out_ += ' ';
  } else {
    NewLine();
  }
  level.any = true;
}

void JsonWriter::NewLine() {
  if (indent_ == 0) return;
  *out_ += '\n';
  out_->append(levels_.size() * static_cast<size_t>(indent_), ' ');
}

JsonWriter& JsonWriter::BeginObject() {
  Separate();
  *out_ += '{';
  levels_.push_back({!levels_.empty() && levels_.back().compact, false});
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  Level level = levels_.back();
  levels_.pop_back();
  if (level.any && !level.compact) NewLine();
  *out_ += '}';
  return *this;
}

JsonWriter& JsonWriter::BeginArray(bool compact) {
  Separate();
  *out_ += '[';
  levels_.push_back({compact || (!levels_.empty() && levels_.back().compact), false});
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  Level level = levels_.back();
  levels_.pop_back();
  if (level.any && !level.compact) NewLine();
  *out_ += ']';
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  Separate();
  AppendJsonString(*out_, key);
  *out_ += indent_ > 0 ? ": " : ":";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  Separate();
  AppendJsonString(*out_, text);
  return *this;
}

JsonWriter& JsonWriter::Int(int64_t value) { return Raw(std::to_string(value)); }
JsonWriter& JsonWriter::Uint(uint64_t value) { return Raw(std::to_string(value)); }

JsonWriter& JsonWriter::Double(double value) {
  if (std::isnan(value)) return String("NaN");
  if (std::isinf(value)) return String(value > 0 ? "Infinity" : "-Infinity");
  char text[40];
  char* end = std::to_chars(text, text + sizeof(text) - 2, value).ptr;
  std::string_view digits(text, static_cast<size_t>(end - text));
  // Keeps a whole number a float for readers that tell the two apart.
  if (digits.find_first_of(".e") == std::string_view::npos) {
    *end++ = '.';
    *end++ = '0';
  }
  return Raw({text, static_cast<size_t>(end - text)});
}

JsonWriter& JsonWriter::Bool(bool value) { return Raw(value ? "true" : "false"); }
JsonWriter& JsonWriter::Null() { return Raw("null"); }

JsonWriter& JsonWriter::Raw(std::string_view json) {
  Separate();
  *out_ += json;
  return *this;
}

}  // namespace pthview
