// Pool: a growing array of plain values, for the millions of small things in a pickle.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace pthview::pickle {

// Resizes a block that GrowBlock or null gave, keeping its first `used` bytes; `size` becomes what the block really
// has. Large blocks stand on huge pages of their own and grow by moving those pages, not their content: on a virtual
// machine the first touch of a 4 KiB page costs more than the 250 values that it holds. Throws std::bad_alloc.
void* GrowBlock(void* block, size_t old_size, size_t used, size_t* size);
void FreeBlock(void* block, size_t size);

// Elements are addressed by uint32_t; passing that throws std::length_error, and running out of memory std::bad_alloc
// (Read turns both into an Error).
template <typename T>
class Pool {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Pool() = default;
  Pool(Pool&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)),
        block_size_(std::exchange(other.block_size_, 0)) {}
  Pool& operator=(Pool&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(block_size_, other.block_size_);
    return *this;
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { FreeBlock(data_, block_size_); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  operator std::span<const T>() const { return {data_, size_}; }  // NOLINT(google-explicit-constructor)

  void Push(const T& value) {
    if (size_ == capacity_) [[unlikely]] {
      const T copy = value;  // `value` may be an element of this pool
      Grow(1);
      data_[size_++] = copy;
      return;
    }
    data_[size_++] = value;
  }

  // Room for `count` more at the end, uninitialized. `count` may be 0.
  T* Extend(size_t count) {
    if (count > capacity_ - size_) Grow(count);
    T* at = data_ + size_;
    size_ += count;
    return at;
  }

  void Truncate(size_t size) { size_ = size; }

 private:
  [[gnu::noinline]] void Grow(size_t count) {
    if (count > kMost - size_) throw std::length_error("pool");
    const size_t wanted = std::max({size_ + count, capacity_ * 2, size_t{64}});
    size_t size = std::min(wanted, kMost) * sizeof(T);
    data_ = static_cast<T*>(GrowBlock(static_cast<void*>(data_), block_size_, size_ * sizeof(T), &size));
    block_size_ = size;
    capacity_ = std::min(size / sizeof(T), kMost);
  }

  static constexpr size_t kMost = UINT32_MAX - 1;  // so that 1 + index fits as well
  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t block_size_ = 0;  // in bytes
};

}  // namespace pthview::pickle
