// How much work and memory scan spends on one file: what a real file needs many times over, and no more than its size
// explains, so that a few kilobytes that unpack to millions of opcodes end soon and take little.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lib/base/checked.h"

namespace pthview {

struct ScanAllowance {
  explicit ScanAllowance(uint64_t file_bytes)
      : steps(SaturatingMulAdd(file_bytes, 16, uint64_t{40} << 20)),
        stack(static_cast<size_t>(std::clamp<uint64_t>(file_bytes / 16, 2 << 20, 8 << 20))),
        memo(static_cast<size_t>(std::clamp<uint64_t>(file_bytes / 32, 4 << 20, 12 << 20))) {}

  // What one of many pickles may spend: half of what is left, so that a bomb leaves something for those behind it.
  ScanAllowance Share() const {
    ScanAllowance share = *this;
    share.steps = std::max(steps / 2, std::min(steps, uint64_t{100'000}));
    return share;
  }
  bool Spend(uint64_t count) {
    const bool enough = count <= steps;
    steps = enough ? steps - count : 0;
    return enough;
  }

  // Opcodes that may still be read. A file as it stands on disk has fewer than it has bytes, and a pickle deflates to
  // about a tenth. What takes longer than an opcode counts as several.
  uint64_t steps;
  // Values that are kept of the stack and of the memo: a million tensors are five million memo entries.
  size_t stack;
  size_t memo;
  // Bytes of names that may still be kept, with what is kept of each: of those not known to be dangerous, and of those
  // that are. Real files have some hundred names.
  uint64_t names = uint64_t{16} << 20;
  uint64_t dangers = uint64_t{16} << 20;
};

// What things take, in opcodes.
inline constexpr uint64_t kStepsOfName = 64;
inline constexpr uint64_t kStepsOfFarMemo = 8;
inline constexpr uint64_t kStepsOfPickle = 256;
inline constexpr uint64_t kBytesOfStep = 64;          // in which a newline is looked for
inline constexpr uint64_t kStepsOfFarText = 150'000;  // it may have to be unpacked again

}  // namespace pthview
