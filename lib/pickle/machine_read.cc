// The two ways in (machine.h): over bytes in memory, and over a source whose pickle has no known length.
#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "lib/pickle/machine_state.h"

namespace pthview::pickle {
namespace {

// Machine::Run, with what its pools throw as errors. `machine` is not usable after a throw.
bool RunGuarded(Machine& machine, const ReadOptions& options, Error* error) {
  const char* message = nullptr;
  try {
    if (machine.Run()) return true;
    *error = std::move(machine).TakeError();
    return false;
  } catch (const std::bad_alloc&) {
    message = "the pickle needs more memory than there is";
  } catch (const std::length_error&) {
    message = "the pickle holds more than 4 billion values of one kind";
  }
  *error = Error{ErrorCode::kLimit, message};
  if (!options.record.empty()) error->record = options.record;
  return false;
}

}  // namespace

Result<Tree> Read(std::vector<std::byte> bytes, const ReadOptions& options) {
  Machine machine(bytes, bytes.size(), options);
  Error error;
  if (!RunGuarded(machine, options, &error)) return error;
  return std::move(machine).TakeTree(std::move(bytes));
}

// Starts again with a larger piece when one is too small: sizes double, so that the work stays linear.
Result<Tree> ReadFrom(const ByteSource& source, uint64_t offset, const ReadOptions& options) {
  constexpr uint64_t kFirstPiece = 256;                // what old formats write one after another is that short
  constexpr uint64_t kLargePiece = uint64_t{1} << 16;  // from here on more would be read than is needed
  const uint64_t total = source.size() > offset ? source.size() - offset : 0;
  uint64_t length = std::min(total, kFirstPiece);
  for (;;) {
    PTHVIEW_ASSIGN(std::vector<std::byte> bytes, source.Read(std::min(offset, source.size()), length));
    if (options.raw_blocks != nullptr) options.raw_blocks->clear();
    Machine machine(bytes, total, options);
    Error error;
    if (!RunGuarded(machine, options, &error)) {
      if (machine.needed() <= length) return error;
      length = std::min(total, std::max(length * (length < kLargePiece ? 8 : 2), machine.needed()));
      continue;
    }
    Tree tree = std::move(machine).TakeTree(std::move(bytes));
    // The tree keeps its bytes: when most of the piece was not the pickle's, once more with only those.
    if (tree.end >= length / 2 || length == kFirstPiece) return tree;
    length = tree.end;
  }
}

}  // namespace pthview::pickle
