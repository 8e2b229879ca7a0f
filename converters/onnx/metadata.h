// What stands in ModelProto.metadata_props: which kind of graph it is, what was assumed, where it came from, and the
// checkpoint's plain values (epoch, hyper-parameters).
#pragma once

#include <string>
#include <vector>

#include "lib/model/model.h"
#include "pthview_onnx.pb.h"

namespace pthview {

// `graph` is what the graph is: "recorded", "inferred" or "none". Adds a note for what was left out to keep it short.
void AddMetadata(const Model& model, std::string_view graph, pthview_onnx::ModelProto& proto,
                 std::vector<std::string>& notes);

}  // namespace pthview
