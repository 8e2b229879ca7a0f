// As much as can be inflated: for looking into data that is broken, or more than may be unpacked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/source.h"
#include "lib/container/inflater.h"

namespace pthview {

struct InflatedPrefix {
  std::vector<std::byte> bytes;  // at most `most` of them
  bool whole = false;            // the packed data ended where it should, and nothing was left out
  bool broken = false;           // what follows `bytes` is no packed data
};

// What source[offset, offset + length) inflates to, up to `most` bytes and up to the first thing that is wrong.
InflatedPrefix InflatePrefix(const ByteSource& source, uint64_t offset, uint64_t length, DeflateFormat format,
                             uint64_t most);

// The same of an xz file, which may lack its end, and the index that stands there.
InflatedPrefix UnpackXzPrefix(const ByteSource& source, uint64_t most);

}  // namespace pthview
