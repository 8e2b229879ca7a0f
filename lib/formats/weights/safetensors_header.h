// The JSON header of a safetensors file, read in one pass however large it is.
// Source: the format's description in the README of huggingface/safetensors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"

namespace pthview {

struct SafetensorsEntry {
  std::string name;   // as the header has it
  std::string dtype;  // "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // bytes from the end of the header on
  uint64_t end = 0;
  bool complete = false;  // dtype, shape and offsets were there and of the right kind
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the header's order; a repeated name stands twice
  std::vector<std::pair<std::string, std::string>> metadata;
  bool odd_metadata = false;  // `__metadata__` holds something else than text
};

// kCorrupt, with the byte, when it is no JSON object of objects.
Result<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json);

}  // namespace pthview
