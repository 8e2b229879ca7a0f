// One of several checkpoints that stand unpacked in a zip archive. Between registry.cc and wrapped.cc only.
#pragma once

#include <memory>
#include <string>

#include "lib/formats/format.h"

namespace pthview {

// Opens what the records below `folder` of the archive `source` are: as OpenInside, with that folder as the archive's
// prefix.
Result<Model> OpenArchivePart(const std::string& name, std::unique_ptr<ByteSource> source, const std::string& folder,
                              const OpenOptions& options, int depth);

}  // namespace pthview
