// Two files compared as wholes: the door to this room.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "lib/analysis/compare/difference.h"
#include "lib/analysis/compare/match.h"
#include "lib/analysis/compare/model_diff.h"
#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

struct FileDiff {
  Matching matching;
  std::vector<Difference> differences;  // of matching.matches, by position; kIncomparable without values
  std::vector<Change> metadata;
  std::vector<Change> architecture;

  size_t Count(Verdict verdict) const;
  // No tensor alone on one side, under another name, or with other values; no change.
  bool Same() const;
};

struct FileDiffOptions {
  MatchOptions match;
  DifferenceOptions difference;
  bool values = true;  // false: names, shapes, dtypes, modules and plain values only; reads no weights
  std::function<void(uint64_t bytes)> advance;  // told of bytes as both sides have been read, from any thread
};

// Small tensors side by side, large ones in pieces; both files are streamed in step. Expects InferModules to have been
// called on both. An error of reading ends it.
Result<FileDiff> CompareFiles(const Model& a, std::span<const Index> chosen_a, const Model& b,
                              std::span<const Index> chosen_b, const FileDiffOptions& options = {});

}  // namespace pthview
