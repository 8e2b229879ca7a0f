// Finds modules, tensors and plain values: what is folded away cannot be found by the browser.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/model/model.h"
#include "tools/server/outline.h"

namespace pthview::server {

inline constexpr size_t kMaxHits = 500;

// `{"hits": [{"kind": "module" | "tensor" | "value", "index", "path", "text"}], "total"}`; at most `limit` (and
// kMaxHits) hits, modules first, then tensors, then plain values. `index` is the position in the structure document; of
// a value, in Model::plain. `text` is a module's class, a tensor's dtype and shape, a value.
//
// The query is words: each must be somewhere in path, name, class, dtype and shape, or value, in either case. A word
// with `*`, `?` or `[` is a glob that a whole path, name, class or value must match, or the last steps of a path.
std::string SearchJson(const Model& model, const Outline& outline, std::string_view query, size_t limit);

}  // namespace pthview::server
