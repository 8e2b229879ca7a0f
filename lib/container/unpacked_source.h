// What packed bytes unpack to, as a source: nothing is written to disk, and memory does not grow with the file.
//
// Blocks that were unpacked last are kept, 64 MB for all sources together; decoders are kept open where they stand, so
// that reading on is one pass, another 64 MB for all. A read elsewhere begins at the last place before it where the
// data can be entered (see packed_deflate.h and packed_xz.h), of which 32 MB are kept for all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/inflater.h"
#include "lib/container/packed_stream.h"
#include "lib/container/unpack_allowance.h"

namespace pthview {

// All of a gzip file. Nothing in it says what it unpacks to, so that it is unpacked once from end to end here, and
// every checksum compared. kLimit by the allowance of `packed` (unpack_allowance.h), for what comes out and for what is
// gone through; kTruncated and kCorrupt with the offset.
Result<std::unique_ptr<ByteSource>> OpenUnpackedGzip(std::shared_ptr<const ByteSource> packed, std::string name);

// All of an xz file. Only its index is read; what is wrong with the data is an error of the read that meets it. Limits
// as above.
Result<std::unique_ptr<ByteSource>> OpenUnpackedXz(std::shared_ptr<const ByteSource> packed, std::string name);

// All of a bzip2, zstd, zlib or lzma file, unpacked once from end to end here as gzip is. Limits as above.
Result<std::unique_ptr<ByteSource>> OpenUnpackedStream(std::shared_ptr<const ByteSource> packed, StreamFormat format,
                                                       std::string name);

struct UnpackedPart {
  std::unique_ptr<ByteSource> source;  // null when nothing can be unpacked
  std::optional<Error> error;          // why `source` is not all of it
};

// What comes out up to the first thing that is wrong, or to what is allowed. It is unpacked once from end to end here,
// and every checksum compared; what a wrong one is about has come out by then. An xz file whose index cannot be read
// gives nothing.
UnpackedPart OpenSoundDeflate(std::shared_ptr<const ByteSource> packed, DeflateFormat format, std::string name);
UnpackedPart OpenSoundXz(std::shared_ptr<const ByteSource> packed, std::string name);
UnpackedPart OpenSoundStream(std::shared_ptr<const ByteSource> packed, StreamFormat format, std::string name);

// packed[offset, offset + length), which is deflated and has `size` bytes when it is not: a zip record. Nothing is read
// yet. The caller has asked `allowance`, which is for what stands inside; it may be null.
std::unique_ptr<ByteSource> OpenUnpackedRecord(std::shared_ptr<const ByteSource> packed, uint64_t offset,
                                               uint64_t length, uint64_t size, std::string name,
                                               std::shared_ptr<UnpackAllowance> allowance = nullptr);

}  // namespace pthview
