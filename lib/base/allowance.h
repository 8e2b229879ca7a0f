// A bound for what is made from a file: text of paths, inflated bytes, copies. A path repeats the names of all modules
// around it, a deflated record may be a thousand times its size, and what a pickle shares is written out at each place:
// a small file could ask for far more than it has bytes. Whoever reads bytes allows a multiple of them, and whatever is
// made takes its share first.
#pragma once

#include <cstdint>

#include "lib/base/checked.h"

namespace pthview {

class Allowance {
 public:
  static constexpr uint64_t kTimes = 8;           // for text that is made
  static constexpr uint64_t kTimesInflated = 32;  // for records that are inflated: JSON may become so much more

  explicit Allowance(uint64_t bytes = 0) : total_(bytes), left_(bytes) {}
  // `times` the bytes of a file, and 4 MB for small ones.
  static Allowance OfFile(uint64_t file_bytes, uint64_t times = kTimes) {
    return Allowance(SaturatingMulAdd(file_bytes, times, uint64_t{4} << 20));
  }

  void Allow(uint64_t bytes) {
    total_ = CheckedAdd(total_, bytes).value_or(UINT64_MAX);
    left_ = CheckedAdd(left_, bytes).value_or(UINT64_MAX);
  }

  // False when `bytes` are more than there are left. Then none are, until more is allowed: else what fails could be
  // tried, at the price of all that is left, again and again.
  [[nodiscard]] bool Take(uint64_t bytes) {
    const bool enough = bytes <= left_;
    left_ = enough ? left_ - bytes : 0;
    return enough;
  }

  uint64_t total() const { return total_; }
  uint64_t left() const { return left_; }

 private:
  uint64_t total_;
  uint64_t left_;
};

}  // namespace pthview
