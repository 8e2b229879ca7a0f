// A part of a source as a source of its own: a member of a bag, a slice of a shard.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/base/source.h"
#include "lib/container/unpack_allowance.h"

namespace pthview {

// The bytes [offset, offset + length) of `base`, which it keeps alive. What reaches past the end of `base` is cut off.
// Slices of one file that may each hold packed data share an `allowance`; without one, that of `base` holds, if any.
std::unique_ptr<ByteSource> OpenSlice(std::shared_ptr<const ByteSource> base, uint64_t offset, uint64_t length,
                                      std::string name, std::shared_ptr<UnpackAllowance> allowance = nullptr);

// `base` itself, for whoever wants to own it: with its descriptor and its path.
std::unique_ptr<ByteSource> ShareSource(std::shared_ptr<const ByteSource> base);

}  // namespace pthview
