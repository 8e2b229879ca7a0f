#include "lib/model/path.h"

#include <array>
#include <cstdint>

#include "lib/base/escape.h"
#include "lib/base/json.h"

namespace pthview {
namespace {

constexpr std::array<bool, 256> kWord = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    table[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  return table;
}();

}  // namespace

bool IsDottedName(std::string_view key) {
  bool word_before = false;
  for (char c : key) {
    if (kWord[static_cast<uint8_t>(c)]) {
      word_before = true;
    } else if (c == '.' && word_before) {
      word_before = false;
    } else {
      return false;
    }
  }
  return word_before;
}

void AppendTextKey(std::string& path, std::string_view key) {
  if (IsDottedName(key)) {
    if (!path.empty()) path += '.';
    path += key;
    return;
  }
  path += '[';
  JsonWriter(&path).String(EscapeName(key));
  path += ']';
}

void AppendIndex(std::string& path, int64_t index) {
  path += '[';
  path += std::to_string(index);
  path += ']';
}

void AppendOtherKey(std::string& path, std::string_view printed) {
  path += '[';
  path += printed;
  path += ']';
}

std::string_view NameWithin(std::string_view path, size_t part_path_length) {
  std::string_view name = path.substr(part_path_length);
  if (part_path_length > 0 && name.starts_with('.')) name.remove_prefix(1);
  return name;
}

}  // namespace pthview
