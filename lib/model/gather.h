// Gathering the elements of a strided tensor into row-major order, in boxes of bounded size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/base/result.h"

namespace pthview {

// Where one dimension of a box goes on both sides, in elements.
struct BoxDimension {
  int64_t size = 1;
  int64_t stride = 0;      // in the storage; may be 0 (expanded) or negative
  int64_t out_stride = 0;  // in the row-major result
};

// Reads the elements [first, first + count) of the storage, `item` bytes each, into the span.
using SpanReader = std::function<Status(int64_t first, std::span<std::byte> out)>;

// Steps through the logical elements of a tensor, in row-major order, in boxes of at most `max_elements`.
class BoxWalk {
 public:
  // `shape` and `strides` have the same length; the tensor has at least one element. Dimensions are joined where the
  // storage allows.
  BoxWalk(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t offset);

  struct Box {
    int64_t base = 0;                      // storage element of its first element
    int64_t count = 0;                     // elements
    std::vector<BoxDimension> dimensions;  // outermost first
  };
  // The largest box that starts at logical element `at` and has no more than `max_elements` (at least 1).
  Box Next(int64_t at, int64_t max_elements) const;

 private:
  std::vector<int64_t> shape_;
  std::vector<int64_t> strides_;
  int64_t offset_;
};

// Fills `out` with a box's elements of `item` bytes (1, 2, 4, 8 or 16). Storage is read in runs of at most
// `max_span` bytes (or one element), each holding mostly wanted elements.
Status GatherBox(const BoxWalk::Box& box, size_t item, int64_t max_span, const SpanReader& read,
                 std::span<std::byte> out);

}  // namespace pthview
