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

}  // namespace pthview
