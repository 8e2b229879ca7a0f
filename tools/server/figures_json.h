// Figures of many tensors at once, a stretch at a time: for colouring the graph, and for comparing two files. A reader
// that moves on just does not ask for the next stretch.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::server {

inline constexpr uint64_t kStretchBytes = uint64_t{64}
                                          << 20;  // of values that one answer reads, but for the last tensor
inline constexpr size_t kStretchTensors = 2000;

// `{"names": ["count", "min", ...], "rows": [[index, count, min, ...], ...], "next"}`: tensors from `first` on. Tensors
// without values, or whose values are no numbers, are left out; `next` is where to go on, or -1 at the end.
Result<std::string> FiguresJson(const Model& model, uint64_t first, const std::atomic<bool>* cancelled = nullptr);

// `{"rows": [[index, index in b, verdict, max, relative], ...], "only_b": [...], "next"}`: the tensors of a from
// `first` on beside those of b that MatchTensors finds by name. `verdict` is "equal", "close", "differs" (`max` is the
// largest |a - b|, `relative` the L2 norm of a - b over the larger of the two norms), "shape", "unread" (one of the two
// has no values to compare) or "only_a" (index in b: -1). `only_b` comes with the first stretch.
Result<std::string> CompareJson(const Model& a, const Model& b, uint64_t first,
                                const std::atomic<bool>* cancelled = nullptr);

// The tensor of that name, `{"index"}`; -1 for none.
std::string FindJson(const Model& model, std::string_view name);

}  // namespace pthview::server
