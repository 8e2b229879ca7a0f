// Annotated JSON beside a file of weights: what the file's own format cannot hold.
#pragma once

#include <string>

#include "lib/formats/format.h"

namespace pthview {

// "model.safetensors.json" of "model.safetensors".
std::string AnnotationsOf(const std::string& path);

// Opens `path`. Where it is safetensors, and beside it stands annotated JSON that refers to it (to a file of this name
// and size in its folder), the JSON is opened instead: its tensors are in the file, and it knows more of them. A
// finding says so.
Result<Model> OpenWithAnnotations(const std::string& path, const OpenOptions& options);

}  // namespace pthview
