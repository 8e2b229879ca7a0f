// What `info` says of recorded graphs: operators with counts, inputs and outputs with types.
#pragma once

#include <string>
#include <vector>

#include "lib/base/json.h"
#include "lib/model/model.h"

namespace pthview {

// Of each recorded graph that is no body: "model: 8 operators: aten::conv2d (2), ...; x float32[1, 3] -> y float32[4]".
std::vector<std::string> GraphLines(const Model& model);

// [{"name", "part", "nodes", "bodies", "operators": [{"name", "count"}], "inputs": [{"name", "type"}], "outputs"}]
void WriteGraphFacts(JsonWriter& json, const Model& model);

}  // namespace pthview
