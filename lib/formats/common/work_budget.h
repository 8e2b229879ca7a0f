// A bound for what is made from a file: text of paths, inflated bytes. A path repeats the names of all modules around
// it, and a deflated record may be a thousand times its size, so that a small file could ask for far more than it has
// bytes.
#pragma once

#include <cstdint>

#include "lib/base/checked.h"

namespace pthview {

class WorkBudget {
 public:
  static constexpr uint64_t kTimes = 8;           // for text that is made
  static constexpr uint64_t kTimesInflated = 32;  // for records that are inflated: JSON may become so much more

  explicit WorkBudget(uint64_t file_bytes, uint64_t times = kTimes)
      : total_(SaturatingMulAdd(file_bytes, times, uint64_t{4} << 20)), left_(total_) {}

  uint64_t total() const { return total_; }

  // False when `bytes` more are too many; from then on always.
  bool Take(uint64_t bytes) {
    if (bytes > left_) left_ = 0;
    left_ -= left_ == 0 ? 0 : bytes;
    return left_ > 0;
  }

 private:
  uint64_t total_;
  uint64_t left_;
};

}  // namespace pthview
