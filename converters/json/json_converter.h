// Annotated JSON: everything that was read of a file, in one document that lib/formats/json/annotated_json.cc reads
// again.
//
// pthview.model.schema.json beside this file describes it. Weights are not in it, unless asked for: --data none writes
// where they stand, base64 each storage's bytes once, file a side file OUT.bin with all storages.
#pragma once

#include <span>

#include "converters/converter.h"

namespace pthview {

// Infers modules and graphs where the file records none. Of the tables behind the tensors (storages, components,
// quantizations) those rows are written that the selected tensors need; all of them when all tensors are selected.
Result<ConvertReport> WriteJson(Model& model, std::span<const Index> tensors, const ConvertOptions& options);

}  // namespace pthview
