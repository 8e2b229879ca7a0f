// One source of a run: read, judged, changed by the rules, written to a folder of its own, hashed. Nothing of it is in
// its final place yet.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "tools/archive/journal.h"
#include "tools/archive/options.h"
#include "tools/archive/rules.h"
#include "tools/archive/sources.h"

namespace pthview::archive {

// A file that is written and waits for its name.
struct Staged {
  std::string path;
  std::string final_path;  // below DIR
};

struct Outcome {
  Entry entry;
  std::string row;             // of the manifest; made anew when the entry becomes "same"
  std::vector<Staged> staged;  // outputs, and tensors of the store
  std::string folder;          // that they are in; to be removed
  uint64_t staged_bytes = 0;
};

struct SourceRun {
  const Options& options;
  const Rules& rules;
  // Whether a source before `name` with this hash and these rules is done already: then nothing is written.
  std::function<bool(const std::string& sha256, const std::string& rules, const std::string& name)> is_known;

  // Never fails: what goes wrong is the entry's state and error. `folder` does not exist yet.
  Outcome Run(const SourceFile& source, const std::string& folder) const;
};

// SHA-256 and size of a file.
struct FileHash {
  std::string sha256;
  uint64_t bytes = 0;
};
Result<FileHash> HashFile(const std::string& path);

}  // namespace pthview::archive
