// JSON rows that several verbs share. Their fields are documented in design section 6 and only ever added to.
#pragma once

#include <string_view>

#include "lib/base/json.h"
#include "lib/model/model.h"

namespace pthview {

// One row of `list`. `sha256` is written when not empty.
void WriteTensorRow(JsonWriter& json, const Model& model, const Tensor& tensor, std::string_view name,
                    std::string_view sha256);

void WriteFindings(JsonWriter& json, std::span<const Finding> findings);

// {"code", "message", "file", "record", "offset", "hint"}; absent fields are left out.
void WriteError(JsonWriter& json, const Error& error);

}  // namespace pthview
