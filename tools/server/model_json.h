// The structure document `pthview.model/1`: everything that the viewer draws, and no weight. Modules and tensors stand
// as parallel arrays, which is half the size of a list of objects and as fast to read in JavaScript.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/model/model.h"
#include "tools/server/outline.h"

namespace pthview::server {

struct DocumentFacts {
  std::string_view id;
  std::string_view name;  // shown to the user; no folder
  uint64_t version = 1;
};

// One line of JSON. It opens with `"signature": "pthview/1"`, by which the viewer's message.js knows its own documents.
// kLimit when names make it larger than a document of that many tensors can sensibly be.
Result<std::string> ModelJson(const Model& model, const Outline& outline, const DocumentFacts& facts);

// A format in the words that Netron accepts: letters, digits, `-`, `.`, then ` vN` ("PyTorch v1.6").
std::string NetronFormat(std::string_view format);

}  // namespace pthview::server
