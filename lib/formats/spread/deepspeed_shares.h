// What one model-parallel rank of a DeepSpeed ZeRO checkpoint holds, merged over its data-parallel ranks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/formats/spread/deepspeed_file.h"
#include "lib/formats/spread/deepspeed_files.h"
#include "lib/formats/spread/deepspeed_flat.h"
#include "lib/model/builder.h"
#include "lib/model/tensor_data.h"

namespace pthview {

// Its elements are row-major in `pieces` or in `shares`; there is no data when both are empty, unless it is empty.
struct DeepSpeedParameter {
  std::string name;
  std::vector<int64_t> shape;
  DType dtype = DType::kFloat32;
  uint64_t nbytes = 0;                       // of all elements
  bool lost = false;                         // not whole in the files, or what the files say of it cannot be
  std::vector<ByteRange> pieces;             // in a row
  std::shared_ptr<const FlatShares> shares;  // from `at` on, `share` bytes a rank
  uint64_t at = 0;
  uint64_t share = 0;
  std::optional<Tensor> tensor;  // one that a file has as it is; not yet in a table. With strides it has no pieces.

  bool HasData() const { return !lost && (!pieces.empty() || shares != nullptr || nbytes == 0); }
};

// Whether the bytes of a tensor say all of it: what is quantised, sparse, or a conjugated or negated view is more.
inline bool IsPlain(const Tensor& tensor) {
  return tensor.layout == Layout::kDense && tensor.quantization == kNone && !tensor.conj && !tensor.neg;
}

struct DeepSpeedShare {
  int rank = 0;  // model-parallel
  int stage = 2;
  bool shared_out = true;                // false: the parameters are the module's own
  size_t data_ranks = 0;                 // that have a share of the weights
  std::unique_ptr<DeepSpeedFile> model;  // the first model states
  std::vector<DeepSpeedParameter> parameters;
  std::vector<std::pair<std::string, Tensor>> buffers;       // by name; the tensors are not yet in a table
  std::vector<std::pair<std::string, std::string>> same_as;  // names of parameters that are another
  std::optional<int64_t> tensor_ranks;                       // degree of tensor parallelism, where the file says it
};

// Findings tell what is missing of the share of `rank`; `label` names the rank in them, "" where there is but one. A
// rank whose optimizer has no files has the module's own weights.
Result<DeepSpeedShare> ReadDeepSpeedShare(ModelBuilder& builder, const DeepSpeedFiles& files, int rank,
                                          std::string_view label);

// What the model states have beside the parameters that are shared out: frozen parameters, buffers, names of parameters
// that are another. Part of ReadDeepSpeedShare; `ranks` are those of data parallelism.
void ReadDeepSpeedStates(ModelBuilder& builder, const DeepSpeedFiles& files, int64_t ranks, DeepSpeedShare& share);

// The same where nothing is shared out: the module's parameters and buffers as they are.
void ReadDeepSpeedModule(ModelBuilder& builder, const DeepSpeedFiles& files, DeepSpeedShare& share);

// "1, 3 to 5": the numbers from 0 on, below `end`, that are no keys of `known`; "" when none is missing.
template <typename Map>
std::string MissingRanks(const Map& known, int64_t end) {
  std::string text;
  auto add = [&](int64_t from, int64_t to) {
    if (from >= to) return;
    text += (text.empty() ? "" : ", ") + std::to_string(from);
    if (to - from > 1) text += " to " + std::to_string(to - 1);
  };
  int64_t next = 0;
  for (const auto& [rank, value] : known) {
    add(next, rank);
    next = int64_t{rank} + 1;
  }
  add(next, end);
  return text;
}

}  // namespace pthview
