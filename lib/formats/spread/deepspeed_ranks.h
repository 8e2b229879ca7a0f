// Several model-parallel ranks of a DeepSpeed checkpoint as one model.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "lib/base/result.h"
#include "lib/formats/spread/deepspeed_boxes.h"
#include "lib/formats/spread/deepspeed_files.h"
#include "lib/formats/spread/deepspeed_rows.h"
#include "lib/formats/spread/deepspeed_shares.h"
#include "lib/model/builder.h"

namespace pthview {

struct DeepSpeedRanks {
  std::map<int, DeepSpeedShare> shares;  // by model-parallel rank; those that can be read
  int64_t count = 0;                     // that there should be
  int64_t tensor_ranks = 0;              // a stage of the pipeline
};

// Reads all ranks; findings tell of those that are missing. Fails when none can be read.
Result<DeepSpeedRanks> ReadDeepSpeedRanks(ModelBuilder& builder, const DeepSpeedFiles& files);

// Lists their parameters and buffers: joined over the tensor-parallel ranks of a stage where the file says how
// (deepspeed_layout.h), else each rank's in a part `mp_rank_<m>` of its own. Findings tell which, and why.
void ListDeepSpeedRanks(ModelBuilder& builder, const std::string& folder, DeepSpeedRanks& ranks, DeepSpeedRows& rows);

// Of all parameters and buffers, as each rank has them.
std::set<std::pair<std::string, Shape>> NamesAndShapesOf(const DeepSpeedRanks& ranks);

}  // namespace pthview
