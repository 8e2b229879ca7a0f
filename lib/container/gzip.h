// Inflating small things whole, into memory: data.pkl and its like. What may be large is an UnpackedSource.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/inflater.h"

namespace pthview {

struct InflateOptions {
  DeflateFormat format = DeflateFormat::kRaw;
  uint64_t limit = 0;            // bytes of output that are accepted; kLimit beyond
  std::optional<uint64_t> size;  // the exact output size, when it is written somewhere; kCorrupt when it is a lie
};

// The bytes that source[offset, offset + length) inflates to. The input is read in small pieces; no more output is
// allocated than `limit` and than deflate's largest ratio (1032:1) allows. Errors carry the byte offset in the source.
// Bytes after the end of the deflated stream are ignored.
Result<std::vector<std::byte>> Inflate(const ByteSource& source, uint64_t offset, uint64_t length,
                                       const InflateOptions& options);

// The most bytes that `length` deflated bytes can become.
uint64_t MostInflated(uint64_t length);

}  // namespace pthview
