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
#include "lib/formats/deepspeed_file.h"
#include "lib/formats/deepspeed_files.h"
#include "lib/model/builder.h"
#include "lib/model/tensor_data.h"

namespace pthview {

struct DeepSpeedParameter {
  std::string name;
  std::vector<int64_t> shape;
  DType dtype = DType::kFloat32;
  uint64_t nbytes = 0;            // of all elements
  std::vector<ByteRange> pieces;  // the elements row-major, in a row; empty when there is no data
};

struct DeepSpeedShare {
  int rank = 0;  // model-parallel
  int stage = 2;
  size_t data_ranks = 0;                 // that have a share of the weights
  std::unique_ptr<DeepSpeedFile> model;  // the first model states
  std::vector<DeepSpeedParameter> parameters;
  std::vector<std::pair<std::string, Tensor>> buffers;       // by name; the tensors are not yet in a table
  std::vector<std::pair<std::string, std::string>> same_as;  // names of parameters that are another
  std::optional<int64_t> tensor_ranks;                       // degree of tensor parallelism, where the file says it
};

// Findings tell what is missing of the share of `rank`; `label` names the rank in them, "" where there is but one.
Result<DeepSpeedShare> ReadDeepSpeedShare(ModelBuilder& builder, const DeepSpeedFiles& files, int rank,
                                          std::string_view label);

// What the model states have beside the parameters that are shared out: frozen parameters, buffers, names of parameters
// that are another. Part of ReadDeepSpeedShare; `ranks` are those of data parallelism.
void ReadDeepSpeedStates(ModelBuilder& builder, const DeepSpeedFiles& files, int64_t ranks, DeepSpeedShare& share);

// The part [from, from + nbytes) of ranges in a row; empty when they end before.
std::vector<ByteRange> CutRanges(const std::vector<ByteRange>& row, uint64_t from, uint64_t nbytes);

}  // namespace pthview
