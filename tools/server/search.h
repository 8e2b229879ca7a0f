// Finding modules and tensors by name, folded away or not.
#pragma once

#include <string>
#include <string_view>

#include "lib/model/model.h"
#include "tools/server/outline.h"

namespace pthview::server {

inline constexpr size_t kMaxHits = 500;

// `{"hits": [{"kind": "module"|"tensor", "index", "path"}], "total"}`: what contains `query` in its name or path, ASCII
// letters in either case. At most `limit` hits (capped at kMaxHits), modules first, in the file's order; `total` counts
// all. An empty query finds nothing.
std::string SearchJson(const Model& model, const Outline& outline, std::string_view query, size_t limit);

}  // namespace pthview::server
