// What of a file is kept in memory to compare it with many others.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct TensorSignature {
  Index tensor = kNone;
  std::string hash;             // SHA-256 of the values' bytes; empty: no other file's has the same samples
  std::vector<double> samples;  // values at places that depend on the number of elements alone
  double weight = 1;            // elements that each sample stands for
};

// The floating-point tensors of the model's parts (of all, where no part is a model), by name without wrappers'
// prefixes.
struct FileSignature {
  std::map<std::string, TensorSignature, std::less<>> tensors;
  int mantissa = 0;  // bits of the type that most elements have: 23 for float32; 0: none
};

// Those of several files, in their order. The samples of each tensor are read first; only those that another file has
// the same under the same name are then hashed. `advance` is told of bytes that are done with.
Result<std::vector<FileSignature>> ReadSignatures(std::span<const Model* const> models,
                                                  const std::function<void(uint64_t)>& advance);

// Bits of precision of a floating-point type; 0 for others. Quantized types: of their codes.
int MantissaBits(DType dtype);

}  // namespace pthview
