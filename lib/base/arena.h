// Arena: append-only memory whose addresses stay put, for the many small names and shapes of a model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pthview {

// What it returns lives as long as the Arena; moving the Arena keeps all addresses. Not thread-safe.
class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept
      : blocks_(std::move(other.blocks_)), next_(other.next_), left_(other.left_), used_(other.used_) {
    other.next_ = nullptr;
    other.left_ = 0;
  }
  Arena& operator=(Arena&& other) noexcept {
    blocks_ = std::move(other.blocks_);
    next_ = std::exchange(other.next_, nullptr);
    left_ = std::exchange(other.left_, 0);
    used_ = other.used_;
    return *this;
  }

  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = static_cast<char*>(Allocate(text.size(), 1));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  template <typename T>
  std::span<const T> Copy(std::span<const T> items) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (items.empty()) return {};
    T* to = static_cast<T*>(Allocate(items.size_bytes(), alignof(T)));
    std::memcpy(to, items.data(), items.size_bytes());
    return {to, items.size()};
  }

  // Uninitialized memory of `size` bytes.
  void* Allocate(size_t size, size_t alignment) {
    size_t skip = (alignment - reinterpret_cast<uintptr_t>(next_) % alignment) % alignment;
    if (size + skip > left_) {
      const bool own = size + alignment > block_ / 4;  // a large one gets a block of its own; the current block goes on
      const size_t block = own ? size + alignment : block_;
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
      used_ += block;
      if (own) {
        char* at = blocks_.back().get();
        return at + (alignment - reinterpret_cast<uintptr_t>(at) % alignment) % alignment;
      }
      next_ = blocks_.back().get();
      left_ = block;
      block_ = std::min(block_ * 2, kLargestBlock);
      skip = (alignment - reinterpret_cast<uintptr_t>(next_) % alignment) % alignment;
    }
    char* at = next_ + skip;
    next_ += skip + size;
    left_ -= skip + size;
    return at;
  }

  // Takes over what `other` holds: what it returned lives as long as this Arena from now on.
  void Adopt(Arena&& other) {
    for (auto& block : other.blocks_) blocks_.push_back(std::move(block));
    used_ += other.used_;
    other = Arena();
  }

  size_t bytes_used() const { return used_; }

 private:
  static constexpr size_t kLargestBlock = size_t{2} << 20;
  size_t block_ = size_t{1} << 16;  // the next one's size: small models stay small, large ones get large pages
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t used_ = 0;
};

}  // namespace pthview
