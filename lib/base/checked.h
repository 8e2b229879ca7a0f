// Arithmetic on numbers that come from a file: it says when it overflows instead of wrapping.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace pthview {

template <typename T>
[[nodiscard]] std::optional<T> CheckedAdd(T a, T b) {
  T result;
  if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

template <typename T>
[[nodiscard]] std::optional<T> CheckedMul(T a, T b) {
  T result;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

// a * b + c, or the most that there is. For limits, which may be too high but not wrap.
[[nodiscard]] inline uint64_t SaturatingMulAdd(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t result;
  if (__builtin_mul_overflow(a, b, &result) || __builtin_add_overflow(result, c, &result)) return UINT64_MAX;
  return result;
}

// The product of the sizes of a shape; nullopt when a size is negative or the product passes int64.
[[nodiscard]] inline std::optional<int64_t> CheckedNumel(std::span<const int64_t> shape) {
  int64_t product = 1;
  for (int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) product = 0;
  }
  if (product == 0) return 0;
  for (int64_t size : shape) {
    if (__builtin_mul_overflow(product, size, &product)) return std::nullopt;
  }
  return product;
}

}  // namespace pthview
