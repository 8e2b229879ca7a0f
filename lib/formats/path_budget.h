// A bound for the text of paths. A path repeats the names of all modules around it, so that a small file of long names
// in deep nests could ask for far more memory than it has bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pthview {

class PathBudget {
 public:
  explicit PathBudget(uint64_t file_bytes) : left_(file_bytes * 8 + (uint64_t{4} << 20)) {}

  // False when no path of `length` more bytes may be made; from then on always.
  bool Take(size_t length) {
    if (length > left_) left_ = 0;
    left_ -= left_ == 0 ? 0 : length;
    return left_ > 0;
  }

 private:
  uint64_t left_;
};

}  // namespace pthview
