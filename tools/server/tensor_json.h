// One tensor for the viewer: its first values as numbers, and figures over all of it that were computed here, so that
// the page never holds more than it shows.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "lib/base/json.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::server {

inline constexpr int64_t kMaxValues = 10000;
inline constexpr int kHistogramBins = 64;

// `index` into Model::tensors. Sparse tensors come as their dense values; what is not strided has `parts`, the tensors
// that it is made of. At most `max_values` values (capped at kMaxValues). A tensor that has no readable values
// still gives a document, whose `error` says why; an Error means that the file cannot be read any more (kChanged,
// kTruncated, kIo) or that there is no such tensor (kNotFound).
Result<std::string> TensorJson(const Model& model, uint64_t index, int64_t max_values,
                               const std::atomic<bool>* cancelled = nullptr);

// The first `count` logical elements as a JSON array. Integers beyond 2^53, NaN and infinities are strings (JSON has no
// such numbers), complex values are strings "1+2j", quantized values are dequantized.
Result<std::string> ValuesJson(const Model& model, const Tensor& tensor, int64_t count);

// The logical elements [first, first + count), as above, into an array that has been begun.
Status WriteValues(JsonWriter& json, const Model& model, const Tensor& tensor, int64_t first, int64_t count);

}  // namespace pthview::server
