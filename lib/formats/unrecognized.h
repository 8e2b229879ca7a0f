// What to say about a file that no format matches.
#pragma once

#include "lib/base/error.h"
#include "lib/formats/format.h"

namespace pthview {

// Names what the bytes look like (a PNG picture, an HTML page, a Git LFS pointer, ...) and what to try.
Error Unrecognized(const OpenContext& context);

}  // namespace pthview
