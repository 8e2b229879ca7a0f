// The tensor store of `--dedup tensors`: the values of each tensor once, however many checkpoints hold them, in files
// that are called by their SHA-256: data/_tensors/ab/abcdef...
#pragma once

#include <span>
#include <string>
#include <vector>

#include "converters/converter.h"
#include "lib/base/result.h"
#include "lib/model/model.h"
#include "tools/archive/source_run.h"

namespace pthview::archive {

inline constexpr char kStoreFolder[] = "data/_tensors";

// Writes what the store of `archive` does not have yet into `folder`, and says where in the store each tensor is: for
// the index of the source that is called `name`. `hashes` are those of the rows of model.tensors.
Result<PlacedWeights> StageTensors(const Model& model, std::span<const Index> selected,
                                   const std::vector<std::string>& hashes, const std::string& name,
                                   const std::string& archive, const std::string& folder, std::vector<Staged>* staged,
                                   uint64_t* staged_bytes);

}  // namespace pthview::archive
