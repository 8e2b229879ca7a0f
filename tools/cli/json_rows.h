// JSON rows that several verbs share. Their fields are documented in design section 6 and only ever added to.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/graphs/uses.h"
#include "lib/base/json.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

// One row of `list`. `sha256` is written when not empty, and so are those of its components, in their order, and which
// nodes of recorded graphs use it.
void WriteTensorRow(JsonWriter& json, const Model& model, const Tensor& tensor, std::string_view name,
                    std::string_view sha256, std::span<const std::string> hashes = {},
                    std::span<const WeightUse> uses = {});

// The hash of each of a tensor's components; empty for one without data.
Result<std::vector<std::string>> HashComponents(const Model& model, const Tensor& tensor);

void WriteFindings(JsonWriter& json, std::span<const Finding> findings);

// {"code", "message", "file", "record", "offset", "hint"}; absent fields are left out.
void WriteError(JsonWriter& json, const Error& error);

}  // namespace pthview
