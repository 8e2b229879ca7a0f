// Small pictures of tensors as bytes, which the page colours.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::report {

// Values in a byte: 0 to 253 from `low` to `high`, and two for what is no number.
inline constexpr uint8_t kHighest = 253;
inline constexpr uint8_t kInfinityByte = 254;
inline constexpr uint8_t kNanByte = 255;

struct Thumbnail {
  enum class Kind : uint8_t {
    kNone,
    kHeatmap,  // rows x columns cells
    kFilters,  // tiles of rows x columns: filter after filter, of each the first `across` input channels
    kColors,   // tiles of rows x columns, three bytes a pixel, each filter from its own least to its largest value
    kLine,     // columns values of a tensor of one dimension
  };
  Kind kind = Kind::kNone;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t tiles = 0;
  int64_t across = 0;  // tiles beside each other
  double low = 0;      // what byte 0 stands for: of pictures -high
  double high = 0;
  std::string bytes;
  std::string note;  // what a cell is, and what is not shown
};

// At most about `side` x `side` bytes. kNone for scalars, and for what cannot be drawn. Errors are those of reading.
Result<Thumbnail> MakeThumbnail(const Model& model, const Tensor& tensor, int64_t side);

}  // namespace pthview::report
