#include "lib/model/path.h"

#include <cstdint>

#include "lib/base/ascii.h"
#include "lib/base/escape.h"
#include "lib/base/utf8.h"

namespace pthview {

bool IsDottedName(std::string_view key) {
  using ascii::Eight;
  using ascii::InRange;
  if (key.empty() || key.back() == '.') return false;
  uint64_t other = 0;
  uint64_t empty_steps = 0;
  uint64_t dot_before = 0x80;  // as if one stood in front
  ascii::EachWord(key, 'a', [&](uint64_t word) {
    const uint64_t low = word & Eight(0x7f);
    const uint64_t dots = InRange(low, '.', '.');
    const uint64_t letters = InRange(low | Eight(0x20), 'a', 'z');
    other |= word | ~(letters | InRange(low, '0', '9') | InRange(low, '_', '_') | dots);
    empty_steps |= dots & (dots << 8 | dot_before);
    dot_before = dots >> 56;
  });
  return (other & Eight(0x80)) == 0 && empty_steps == 0;
}

void AppendTextKey(std::string& path, std::string_view key) {
  if (IsDottedName(key)) {
    if (!path.empty()) path += '.';
    path += key;
    return;
  }
  std::string quoted;
  AppendJsonString(quoted, EscapeName(key));
  path += '[';
  // A backslash was escaped with the name: JSON's would be a second time.
  for (size_t i = 0; i < quoted.size(); ++i) {
    path += quoted[i];
    if (quoted[i] != '\\') continue;
    if (quoted[i + 1] != '\\') path += quoted[i + 1];
    ++i;
  }
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

std::string KeyOf(std::string_view name) {
  if (!name.starts_with("[\"") || !name.ends_with("\"]") || name.size() < 4) return UnescapeName(name);
  const std::string_view inside = name.substr(2, name.size() - 4);
  // The number in `digits` hexadecimal ones at `at`; -1 when there are none.
  const auto hex = [&](size_t at, size_t digits) -> int {
    if (at + digits > inside.size()) return -1;
    int value = 0;
    for (char c : inside.substr(at, digits)) {
      const size_t digit = std::string_view("0123456789abcdef").find(c);
      if (digit == std::string_view::npos) return -1;
      value = value * 16 + static_cast<int>(digit);
    }
    return value;
  };
  const auto unit_at = [&](size_t at) { return inside.substr(at, 2) == "\\u" ? hex(at + 2, 4) : -1; };
  std::string key;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '"') return UnescapeName(name);  // several steps
    if (inside[i] != '\\' || i + 1 == inside.size()) {
      key += inside[i];
      continue;
    }
    if (const int unit = unit_at(i); unit >= 0) {
      const int low = unit >= 0xD800 && unit < 0xDC00 && i + 6 < inside.size() ? unit_at(i + 6) : -1;
      const bool pair = low >= 0xDC00 && low < 0xE000;
      AppendUtf8(key, static_cast<char32_t>(pair ? 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00) : unit));
      i += pair ? 11 : 5;
      continue;
    }
    const char c = inside[++i];
    if (const int byte = c == 'x' ? hex(i + 1, 2) : -1; byte >= 0) {
      key += static_cast<char>(byte);
      i += 2;
      continue;
    }
    key += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }
  return key;
}

}  // namespace pthview
