// Graphs as JSON, for `pthview graph --json`.
#pragma once

#include <span>

#include "lib/base/json.h"
#include "lib/model/model.h"

namespace pthview {

// An array of the graphs `roots` (into Model::graphs) and of the bodies inside them. `index` says which graph a row is,
// where `blocks` refers to it; `values` of arguments are rows of the graph's own `values`.
void WriteGraphs(JsonWriter& json, const Model& model, std::span<const Index> roots);

}  // namespace pthview
