// The bytes of a storage as another floating type, converted when they are read.
#pragma once

#include <memory>

#include "lib/base/dtype.h"
#include "lib/base/source.h"

namespace pthview::archive {

// Types that CastStorage reads and writes: float16, bfloat16, float32, float64.
bool CanCast(DType from, DType to);

// `count` elements of `from` at `offset` of `source`, which outlives it, as elements of `to`, rounded to nearest, ties
// to even.
std::unique_ptr<ByteSource> CastStorage(const ByteSource& source, uint64_t offset, uint64_t count, DType from,
                                        DType to);

}  // namespace pthview::archive
