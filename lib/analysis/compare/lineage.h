// Which checkpoint most likely came from which: a guess with its evidence.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview {

enum class Descent : uint8_t {
  kRoot,       // no parent among the files
  kSameBytes,  // every tensor is the same
  kSameRun,    // a later step of the same training
  kFineTune,   // trained on from the parent
  kFrozen,     // trained on with some tensors left as they were
  kLora,       // tensors changed by matrices of low rank: an adapter merged into them
  kQuantized,  // the parent's values, rounded to a smaller type
  kAverage,    // a weighted mean of several others: an average or EMA of a run
  kHead,       // trained on with other shapes at some tensors (a new head)
};
std::string_view DescentName(Descent descent);  // "fine-tune"

struct LineageNode {
  size_t file = 0;  // position of the model
  std::optional<size_t> parent;
  Descent descent = Descent::kRoot;
  std::vector<std::string> evidence;             // "52 of 62 tensors are the same", "step 2000 after step 1000"
  double distance = 0;                           // relative, from the parent: over what both have
  std::vector<std::pair<size_t, double>> mixed;  // kAverage: files and their weights
  bool direction_assumed = false;                // nothing says which of the two is the older
};

struct LineageFile {
  const Model* model = nullptr;
  double written = 0;  // seconds since some epoch, of the file's last change; weak evidence, and only where they differ
};

// Nodes in the files' order. Every tensor is hashed, and a few thousand values of each are kept; pairs of files are
// then compared by those, so that the time is that of reading each file once. Whole tensors are read again only to look
// for low rank. `advance` is told of bytes. Errors are those of reading. kLimit for more than 256 files.
Result<std::vector<LineageNode>> FindLineage(std::span<const LineageFile> files,
                                             const std::function<void(uint64_t)>& advance = {});

}  // namespace pthview
