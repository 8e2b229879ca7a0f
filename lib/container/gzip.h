// Inflating deflated bytes in bounded memory: the data of a zip record, or a whole gzip file.
// Source: RFC 1951 (deflate), RFC 1952 (gzip); zlib does the work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

enum class DeflateFormat : uint8_t {
  kRaw,   // deflate without a wrapper, as in zip
  kGzip,  // one or more gzip members in a row, each with header and checksum
};

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
