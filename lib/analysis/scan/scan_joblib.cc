// Files of joblib.dump: a pickle between whose opcodes the elements of arrays stand, which joblib.load passes over.
// They are looked at as joblib reads them, and as pickle.load does, which takes the elements for opcodes.
#include <algorithm>

#include <fmt/format.h>

#include "lib/analysis/scan/scan_text.h"
#include "lib/analysis/scan/scan_walk.h"
#include "lib/container/slice_source.h"
#include "lib/formats/spread/pieces.h"
#include "lib/formats/torch/joblib_arrays.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

constexpr uint64_t kMostInMemory = uint64_t{512} << 20;

bool NamesJoblib(std::span<const CodeUse> rows) {
  return std::any_of(rows.begin(), rows.end(), [](const CodeUse& row) {
    return row.name == "NumpyArrayWrapper" && row.module.ends_with("joblib.numpy_pickle");
  });
}

}  // namespace

bool ScanWalker::VisitJoblib(const ScanTarget& target, uint64_t offset, std::span<const CodeUse> rows) {
  const uint64_t size = target.source->size();
  if (target.pieces || !NamesJoblib(rows)) return false;
  if (size - offset > kMostInMemory) {
    Unread(target, "scan-limit",
           fmt::format("Looked at up to the first array only: {} bytes of joblib are more than the {} that are taken "
                       "apart.",
                       size - offset, kMostInMemory));
    return false;
  }
  std::vector<pickle::RawBlock> blocks;
  auto tree = pickle::ReadFrom(*target.source, offset, {.raw_after = JoblibElements, .raw_blocks = &blocks});
  if (!tree || blocks.empty()) return false;
  std::vector<Piece> pieces;
  uint64_t at = offset;
  for (const pickle::RawBlock& block : blocks) {
    pieces.push_back({target.source.get(), at, offset + block.begin - at});
    at = offset + block.offset + block.length;
  }
  pieces.push_back({target.source.get(), at, size - at});
  // What pickle.load would call behind the first array. Elements hardly ever read as a call of something with a name.
  std::vector<CodeUse> between;
  for (const CodeUse& row : rows) {
    if (row.position < offset + blocks[0].begin || row.call == CodeCall::kNone) continue;
    if (!LooksLikeName(row.module) || !LooksLikeName(row.name)) continue;
    between.push_back(row);
    between.back().remark = "found where joblib has the elements of an array, and pickle.load opcodes";
  }
  AddRows(target, std::move(between));
  ScanTarget joined = target;
  joined.pieces = true;
  joined.file_base.reset();
  joined.source = Join(target.source->name(), std::move(pieces));
  joined.named = true;
  VisitPickles(joined, 0);
  for (const pickle::RawBlock& block : blocks) {
    if (!block.is_pickle) continue;
    const uint64_t begin = offset + block.offset;
    const std::string name = fmt::format("objects at {}", begin);
    ScanTarget inside = Inside(target, OpenSlice(target.source, begin, block.length, name), name);
    inside.named = true;
    inside.file = false;
    Visit(inside);
  }
  return true;
}

}  // namespace pthview
