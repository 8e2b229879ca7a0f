// Which files a run reads, and what each is called in the archive.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "tools/archive/options.h"

namespace pthview::archive {

struct SourceFile {
  std::string path;   // to open
  std::string shown;  // as reports name it: what the user gave, and what follows below a folder
  std::string name;   // in the archive: a relative path that is safe on any file system, and nobody else's
  uint64_t size = 0;
  int64_t modified = 0;    // nanoseconds
  bool given = false;      // by the user, not found in a folder
  std::string unreadable;  // why it cannot even be looked at; empty: it can
};

// All sources, ordered by name. Links inside folders are not followed, and DIR itself is left out. kNotFound when one
// that the user gave is not there.
Result<std::vector<SourceFile>> FindSources(const Options& options);

// `path` as a relative path of plain names: no "..", no first dot, no sign that a shell, a file system or a manifest
// takes for something else; other bytes stand as =XX. Names that are too long are cut, with a hash of all of it.
std::string SafeName(const std::string& path);

// Whether this shard does it: by the hash of its name, so that it does not depend on what else there is.
bool InShard(const SourceFile& source, uint32_t shard, uint32_t shards);

}  // namespace pthview::archive
