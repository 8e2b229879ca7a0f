// Standard input as a source.
#pragma once

#include <memory>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// A regular file (`< model.pth`) is read where it is. Anything else is read to its end and kept meanwhile in a file
// without a name, in $TMPDIR or /tmp, which vanishes with the program; in memory where the folder cannot hold such
// files. A checkpoint is read at many places, so that a stream cannot be read as it comes. The name is "-". Errors:
// kUsage when it is a terminal, and when it was opened before: a stream can be read once.
Result<std::unique_ptr<ByteSource>> OpenStandardInput();

}  // namespace pthview
