// What the program's companions are given: all of standard input.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

namespace pthview {

// Into `text`; false when it fails, or when there are more than `most` bytes.
inline bool ReadInput(size_t most, std::string& text) {
  char piece[1 << 16];
  while (size_t got = std::fread(piece, 1, sizeof(piece), stdin)) {
    if (text.size() + got > most) return false;
    text.append(piece, got);
  }
  return std::ferror(stdin) == 0;
}

}  // namespace pthview
