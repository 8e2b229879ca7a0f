// A tensor whose elements lie in boxes in several places, as one run of bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/source.h"

namespace pthview {

// The box [offsets, offsets + sizes) of a tensor; `bytes` holds its elements row-major.
struct StitchBox {
  std::vector<int64_t> offsets;
  std::vector<int64_t> sizes;
  std::unique_ptr<ByteSource> bytes;
};

// What is wrong with boxes that do not cover a tensor of `shape` exactly once, as a clause ("..."); nullopt when they
// do. Boxes that begin side by side are compared pair by pair, each pair being one of `steps`: a fault when these are
// used up.
std::optional<std::string> CoverFault(const std::vector<int64_t>& shape, const std::vector<StitchBox>& boxes,
                                      uint64_t* steps);

// The elements of the whole tensor row-major. `boxes` cover it (CoverFault); nothing is read from them before ReadAt.
// `item_size` is that of an element, in bytes.
std::unique_ptr<ByteSource> Stitch(std::string name, const std::vector<int64_t>& shape, uint64_t item_size,
                                   std::vector<StitchBox> boxes);

}  // namespace pthview
