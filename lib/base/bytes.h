// ByteReader: a bounded cursor over bytes in memory, little-endian, whose reads cannot pass the end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace pthview {

static_assert(std::endian::native == std::endian::little, "pthview runs on little-endian machines only");

// Reads an unaligned little-endian integer or float. The caller has checked the bounds.
template <typename T>
T LoadLittle(const void* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  bool AtEnd() const { return remaining() == 0; }

  // Reads a T into *out and moves on; false, without moving, when fewer bytes remain.
  template <typename T>
  [[nodiscard]] bool Read(T* out) {
    if (remaining() < sizeof(T)) return false;
    *out = LoadLittle<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return true;
  }

  // A view of the next `length` bytes; false, without moving, when fewer remain.
  [[nodiscard]] bool ReadView(uint64_t length, std::string_view* out) {
    if (length > remaining()) return false;
    *out = {reinterpret_cast<const char*>(bytes_.data()) + position_, static_cast<size_t>(length)};
    position_ += static_cast<size_t>(length);
    return true;
  }

  [[nodiscard]] bool Skip(uint64_t length) {
    if (length > remaining()) return false;
    position_ += static_cast<size_t>(length);
    return true;
  }

  [[nodiscard]] bool Seek(uint64_t position) {
    if (position > bytes_.size()) return false;
    position_ = static_cast<size_t>(position);
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t position_ = 0;
};

}  // namespace pthview
