// The changes that are made to Netron's index.html before it is served. They are data (plugins/netron/patches.json),
// and each says how often its text must occur: against another Netron than the pinned one the server refuses to start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace pthview::server {

struct Patch {
  std::string find;
  std::string replace;
  size_t count = 1;  // occurrences there must be; all are replaced
};

// Reads `{"index.html": [{"find", "replace", "count"}, ...]}`. kCorrupt when it is anything else.
Result<std::vector<Patch>> ParsePatches(std::string_view json);

// Applies the patches in order. kCorrupt names the first one whose text occurs another number of times.
Result<std::string> ApplyPatches(std::string page, const std::vector<Patch>& patches);

}  // namespace pthview::server
