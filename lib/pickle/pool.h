// Pool: a growing array of plain values, for the millions of small things in a pickle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace pthview::pickle {

// Grows with realloc, which moves the pages of a large block instead of copying them: filling a std::vector of the same
// size touches twice the memory. Elements are addressed by uint32_t; passing that throws std::length_error, and running
// out of memory std::bad_alloc (Read turns both into an Error).
template <typename T>
class Pool {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Pool() = default;
  Pool(Pool&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Pool& operator=(Pool&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { std::free(data_); }

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
    size_t capacity = capacity_ * 2 < 64 ? 64 : capacity_ * 2;
    if (capacity < size_ + count) capacity = size_ + count;
    if (capacity > kMost) capacity = kMost;
    void* data = std::realloc(static_cast<void*>(data_), capacity * sizeof(T));
    if (data == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(data);
    capacity_ = capacity;
  }

  static constexpr size_t kMost = UINT32_MAX - 1;  // so that 1 + index fits as well
  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace pthview::pickle
