// JsonWriter: a small streaming writer. Output is always valid JSON in UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pthview {

// Appends to a string that the caller may take away and flush at any time. With `indent` 0 the document is one line.
class JsonWriter {
 public:
  explicit JsonWriter(std::string* out, int indent = 0) : out_(out), indent_(indent) {}

  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray(bool compact = false);  // compact: on one line even when indenting
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view key);
  JsonWriter& String(std::string_view text);
  JsonWriter& Int(int64_t value);
  JsonWriter& Uint(uint64_t value);
  JsonWriter& Double(double value);  // shortest round trip; NaN and infinities as the strings "NaN", "Infinity", "-Infinity"
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  JsonWriter& Raw(std::string_view json);  // a value that is JSON already

 private:
  void Separate();
  void NewLine();
  std::string* out_;
  int indent_;
  bool after_key_ = false;
  struct Level {
    bool compact;
    bool any;
  };
  std::vector<Level> levels_;
};

}  // namespace pthview
