// How the flat float32 tensors of data-parallel ranks make the parameters of one model-parallel rank.
//
// In stages 1 and 2 the ranks' tensors of a group in a row hold the group's parameters in a row, each with the padding
// behind it that param_alignment_paddings says (it may be absent), and the whole padded to two elements a rank. In
// stage 3 each rank has ceil(numel / ranks) elements of every parameter, one parameter behind the other through all
// groups. Source: deepspeed/utils/zero_to_fp32.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/formats/spread/deepspeed_shares.h"
#include "lib/model/builder.h"
#include "lib/model/tensor_data.h"

namespace pthview {

struct DeepSpeedGroup {
  std::vector<size_t> parameters;                // into DeepSpeedShare::parameters
  std::optional<std::vector<int64_t>> paddings;  // behind each, in elements; empty: none
  int64_t partitions = 0;                        // ranks that it is shared out over; 0: the file does not say
  bool conflict = false;                         // the ranks say different things of it
};

// What the files of the ranks say, of one model-parallel rank.
struct DeepSpeedSaved {
  std::string label;  // names the model-parallel rank in findings, as in ReadDeepSpeedShare
  std::vector<DeepSpeedGroup> groups;
  std::map<int, std::vector<ByteRange>> flat;  // by data-parallel rank: the flat tensor of each group; kNone: missing
  int64_t ranks = 0;                           // that there should be, at least one
};

// Says where the parameters' bytes are, where the ranks have them. Findings tell of groups that are not as they should
// be; those parameters stay without data.
void MergeDeepSpeedShares(ModelBuilder& builder, const DeepSpeedSaved& saved, DeepSpeedShare& share);

}  // namespace pthview
