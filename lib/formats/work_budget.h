// A bound for what is made from a file: text of paths, inflated bytes. A path repeats the names of all modules around it,
// and a deflated record may be a thousand times its size, so that a small file could ask for far more than it has bytes.
#pragma once

#include <cstdint>

namespace pthview {

class WorkBudget {
 public:
  explicit WorkBudget(uint64_t file_bytes) : left_(file_bytes * 8 + (uint64_t{4} << 20)) {}

  // False when `bytes` more are too many; from then on always.
  bool Take(uint64_t bytes) {
    if (bytes > left_) left_ = 0;
    left_ -= left_ == 0 ? 0 : bytes;
    return left_ > 0;
  }

 private:
  uint64_t left_;
};

}  // namespace pthview
