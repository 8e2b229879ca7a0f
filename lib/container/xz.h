// Unpacking xz files in bounded memory. liblzma does the work.
// Source: the .xz file format, version 1.0.4 (tukaani.org).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// Everything that the streams in `source` unpack to. kLimit beyond `limit` bytes of output, or when a stream asks for a
// dictionary of more than 128 MB; kTruncated and kCorrupt with the byte offset in the source.
Result<std::vector<std::byte>> UnpackXz(const ByteSource& source, uint64_t limit);

}  // namespace pthview
