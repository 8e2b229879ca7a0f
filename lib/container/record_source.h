// A zip record as a ByteSource of its own: for records that are deflated, or whose numbers are big-endian. Stored
// little-endian records need none: they are read straight from the archive.
#pragma once

#include <memory>
#include <string>

#include "lib/base/source.h"
#include "lib/container/zip.h"

namespace pthview {

// `archive` must outlive what is returned. Nothing is inflated before the first ReadAt (see unpacked_source.h).
// `swap_width` > 1 reverses each group of that many bytes.
std::unique_ptr<ByteSource> OpenRecord(const ByteSource& archive, const ZipRecord& record, size_t swap_width = 1);

// The same over any bytes; errors name `record`.
std::unique_ptr<ByteSource> OpenSwapped(std::unique_ptr<ByteSource> bytes, std::string record, size_t swap_width);

}  // namespace pthview
