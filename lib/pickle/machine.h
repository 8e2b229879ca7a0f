// The pickle machine: all opcodes of protocols 0 to 5, run over an inert tree. It never imports, calls or allocates
// what it was not given bytes for. Source: CPython Lib/pickletools.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/pickle/value.h"

namespace pthview::pickle {

// Bytes behind a BUILD that are no opcodes, which some writers put into the middle of a pickle.
struct RawBytes {
  uint64_t skip = 0;  // of padding in front of them
  uint64_t length = 0;
  bool is_pickle = false;  // a whole pickle stands there instead, as long as it takes
};
struct RawBlock {
  uint32_t object = 0;  // whose BUILD it follows, into Tree::objects(); blocks come in the order of their bytes
  uint64_t begin = 0;   // of the padding in front of it, from the pickle's first byte
  uint64_t offset = 0;  // of its first byte
  uint64_t length = 0;
  bool is_pickle = false;
};
// What follows the BUILD of `object`; `rest` is as much of it as has been read, at least one byte. nullopt: an opcode.
using RawBytesAfter = std::optional<RawBytes> (*)(const Tree& tree, Value object, std::span<const std::byte> rest);

struct ReadOptions {
  std::string record;                           // name for errors: "data.pkl", "archive/data.pkl"; may be empty
  uint64_t base = 0;                            // offset of the first byte inside the record or file, for errors
  RawBytesAfter raw_after = nullptr;            // asked after each BUILD, when there is one
  std::vector<RawBlock>* raw_blocks = nullptr;  // receives what was passed over, by object; not null with raw_after
};

// Reads one pickle from the start of `bytes` (taken over by the tree) up to its STOP; Tree::end tells where that was.
// Limits follow from the input's size: each object costs at least one byte of pickle, memo indices may be sparse but
// the memo's memory may not exceed the input's by more than a constant factor. Recursion depth does not matter: nothing
// here recurses. Errors: kTruncated (no STOP), kCorrupt (unknown opcode, stack underflow, wrong kind for an opcode:
// with the byte), kLimit.
Result<Tree> Read(std::vector<std::byte> bytes, const ReadOptions& options);

// The same for a pickle that stands at `offset` of `source` and whose length is not known (legacy files are several
// pickles in a row): reads blocks until STOP. Tree::end is relative to `offset`.
Result<Tree> ReadFrom(const ByteSource& source, uint64_t offset, const ReadOptions& options);

}  // namespace pthview::pickle
