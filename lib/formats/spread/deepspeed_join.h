// Parameters as sources of bytes: a rank's, and what the slices of several ranks make. Nothing is read before ReadAt.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/formats/spread/deepspeed_layout.h"
#include "lib/formats/spread/deepspeed_shares.h"
#include "lib/model/model.h"

namespace pthview {

// The elements of a parameter, row-major; null when it has no data. The model's sources must outlive it.
std::unique_ptr<ByteSource> SourceOf(const Model& model, const std::string& name, const DeepSpeedParameter& parameter);

// What slices, by rank, make by a plan for their shapes: of kBoxes or kMean. `parameter` gets name, shape, type and
// size. Null when a slice has no data. Errors say why they do not join, as a clause.
Result<std::unique_ptr<ByteSource>> JoinSlices(const Model& model, const std::string& name, const JoinPlan& plan,
                                               std::span<const DeepSpeedParameter* const> slices,
                                               DeepSpeedParameter& parameter);

}  // namespace pthview
