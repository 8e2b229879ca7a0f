// Where the slices of a parameter, one a tensor-parallel rank, lie in the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/formats/spread/deepspeed_file.h"

namespace pthview {

using Shape = std::vector<int64_t>;

// The box [from, from + sizes) of a slice is the box [to, to + sizes) of the whole.
struct SliceBox {
  size_t slice = 0;
  Shape from;
  Shape to;
  Shape sizes;
};

struct SliceBoxes {
  Shape shape;  // of the whole
  std::vector<SliceBox> boxes;
};

// Slices that are cut along `dim` into parts, each of which is shared out over the ranks: widths[part][rank]. The whole
// has the first part of all ranks, then the second of all. One part: the slices stand one behind the other. Errors say
// why slices of these shapes do not join so, as a clause.
Result<SliceBoxes> BoxesAlong(std::span<const Shape> slices, int64_t dim,
                              const std::vector<std::vector<int64_t>>& widths);

// What the maps of all parameters may take together.
struct MapBudget {
  uint64_t* steps;
  size_t* boxes;
};

// What an affine map says: {'logical_shape': [...], 'ranks': {rank: {'shard_shape': [...], 'pieces': [{'shape': [...],
// 'source': [offset, strides], 'dest': [offset, strides], 'locations': [rank], 'scale': float}]}}}. The source is the
// whole; offsets and strides are in elements. Errors also for maps whose pieces are no boxes, scaled, or do not cover
// the whole exactly once, and when `left` is used up. Source: deepspeed/checkpoint/affine.py.
Result<SliceBoxes> BoxesOfAffineMap(DeepSpeedFile& file, pickle::Value map, std::span<const Shape> slices,
                                    const MapBudget& left);

}  // namespace pthview
