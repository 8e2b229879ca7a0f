#include "lib/model/path.h"

#include <cstdint>

#include "lib/base/ascii.h"
#include "lib/base/escape.h"

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
  std::string text;
  auto append = [&text](char32_t c) {
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xC0 | (c >> 6));
      text += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      if (c < 0x10000) {
        text += static_cast<char>(0xE0 | (c >> 12));
      } else {
        text += static_cast<char>(0xF0 | (c >> 18));
        text += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
      }
      text += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
      text += static_cast<char>(0x80 | (c & 0x3F));
    }
  };
  auto unit_at = [&](size_t at) -> char32_t {
    char32_t value = 0;
    if (at + 6 > inside.size() || inside[at] != '\\' || inside[at + 1] != 'u') return 0;
    for (char c : inside.substr(at + 2, 4)) {
      const size_t digit = std::string_view("0123456789abcdef").find(c);
      if (digit == std::string_view::npos) return 0;
      value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
  };
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '"') return UnescapeName(name);  // several steps
    if (inside[i] != '\\' || i + 1 == inside.size()) {
      text += inside[i];
      continue;
    }
    char32_t unit = unit_at(i);
    if (unit != 0) {
      i += 5;
      if (const char32_t low = unit_at(i + 1); unit >= 0xD800 && unit < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
      append(unit);
      continue;
    }
    if (inside.substr(i, 6) == "\\u0000") {
      text += '\0';
      i += 5;
      continue;
    }
    const char c = inside[++i];
    text += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }
  return UnescapeName(text);
}

}  // namespace pthview
