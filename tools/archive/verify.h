// Looking at an archive again: whether it still holds what its manifest says, and giving a source's checkpoint back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace pthview::archive {

struct VerifyReport {
  uint64_t sources = 0;       // rows of the manifest
  uint64_t outputs = 0;       // hashed again
  uint64_t tensors = 0;       // compared
  uint64_t sources_read = 0;  // sources that were still there, and are the same
  uint64_t sources_gone = 0;
  std::vector<std::string> problems;  // one line each
};

// Hashes every output, reads its tensors and compares them with the manifest, and hashes the sources that are still
// where they were.
Result<VerifyReport> Verify(const std::string& directory);

// Writes the checkpoint of one source (its name in the archive, or its path as it was given) to `output`: a copy of the
// output of that kind where there is one, else made from what there is. Gives what was lost on the way.
Result<std::vector<std::string>> Restore(const std::string& directory, const std::string& name,
                                         const std::string& output, bool force);

}  // namespace pthview::archive
