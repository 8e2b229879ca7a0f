// Reading the values of a tensor: in blocks, in logical row-major order, whatever its strides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// Calls `block` with runs of the tensor's elements in logical row-major order, as little-endian bytes of its dtype; the
// elements of packed types (quint4x2, quint2x4) come unpacked, a byte each: BlockDType() says how to decode. `first`
// and `count` select logical elements; the default is all. Contiguous tensors are read in blocks of 1 MB straight from
// the source; strided ones are gathered, with at most 16 MB a block and 32 MB of storage in memory. conj and neg bits
// are applied. Errors: kUnsupported for layouts of components (sparse, nested): read those; kNotFound when data is not
// kPresent; kTruncated, kChanged (also when the file changed between first and last read), kIo, kInterrupted; and what
// `block` returns.
using BlockFunction = std::function<Status(std::span<const std::byte>)>;
Status ForEachBlock(const Model& model, const Tensor& tensor, const BlockFunction& block, int64_t first = 0,
                    int64_t count = INT64_MAX);

// The dtype that decodes what ForEachBlock gives for a tensor of `dtype`: uint8 for packed types, else itself.
DType BlockDType(DType dtype);

// The logical elements [first, first + count) as ForEachBlock gives them; fewer when the tensor ends before. kLimit
// when they are more than 64 MB and more than the storage holds (expanded tensors).
Result<std::vector<std::byte>> ReadElements(const Model& model, const Tensor& tensor, int64_t first, int64_t count);

// SHA-256 (lower-case hex) of all logical bytes: those of a contiguous copy, so equal values give equal hashes whatever
// their strides. Packed types are hashed packed, with the unused bits of the last byte zero.
Result<std::string> HashTensor(const Model& model, const Tensor& tensor);

// The byte range in the source that a contiguous tensor occupies.
struct ByteRange {
  Index source = kNone;
  uint64_t offset = 0;
  uint64_t nbytes = 0;
};
// nullopt unless the tensor is contiguous, present, not packed at an odd element, and neither conj nor neg.
std::optional<ByteRange> ContiguousRange(const Model& model, const Tensor& tensor);

}  // namespace pthview
