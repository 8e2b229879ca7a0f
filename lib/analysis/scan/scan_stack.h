// A stack of which only the top is kept: what stands under millions of values is forgotten, not what comes after them.
#pragma once

#include <cstddef>
#include <cstring>

#include "lib/pickle/pool.h"

namespace pthview {

// Places count from the bottom, the forgotten ones included; those read as `forgotten`.
template <typename T>
class ScanStack {
 public:
  ScanStack(size_t most, T forgotten) : most_(most), forgotten_(forgotten) {}

  size_t size() const { return base_ + top_.size(); }
  bool empty() const { return size() == 0; }
  const T& operator[](size_t place) const { return place >= base_ ? top_[place - base_] : forgotten_; }
  const T& back() const { return (*this)[size() - 1]; }
  // Whether the value at `place` is no longer known.
  bool Forgot(size_t place) const { return place < base_; }

  void Push(T value) {
    if (top_.size() == most_) [[unlikely]]
      ForgetHalf();
    top_.Push(value);
  }
  void Truncate(size_t size) {
    if (size < base_) base_ = size;
    top_.Truncate(size - base_);
  }

 private:
  [[gnu::noinline]] void ForgetHalf() {
    const size_t half = most_ / 2;
    std::memmove(top_.data(), top_.data() + half, (most_ - half) * sizeof(T));
    top_.Truncate(most_ - half);
    base_ += half;
  }

  const size_t most_;
  const T forgotten_;
  size_t base_ = 0;
  pickle::Pool<T> top_;
};

}  // namespace pthview
