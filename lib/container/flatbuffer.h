// Reading a flatbuffer without its generated code: tables, vectors and strings by slot number, every offset checked.
//
//   table    i32 back to its vtable, then the fields
//   vtable   u16 its own bytes, u16 the table's bytes, then for each slot u16: the field's place in the table, 0:
//   absent vector   u32 count, then the elements; string: the same, of bytes; both are reached through a u32 forward
//   offset
//
// What lies outside the source, or is absent, reads as absent: a default, an empty vector. Bytes are read in blocks, so
// that a buffer that is mostly weights is not read for its tables. Source: flatbuffers' internals.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/source.h"

namespace pthview {

class FlatBuffer;
class FlatVector;

// A table, or nothing: then all its fields are absent.
class FlatTable {
 public:
  FlatTable() = default;
  explicit operator bool() const { return buffer_ != nullptr; }

  template <typename T>
  T Scalar(int slot, T otherwise = T()) const;
  FlatTable Table(int slot) const;
  FlatVector Vector(int slot, size_t element_size) const;
  std::string String(int slot, size_t limit = 1 << 20) const;
  // A struct that a union holds: its first byte's offset in the source; 0 when absent.
  uint64_t Struct(int slot) const;

 private:
  friend class FlatBuffer;
  friend class FlatVector;
  FlatTable(const FlatBuffer* buffer, uint64_t at) : buffer_(buffer), at_(at) {}
  uint64_t Field(int slot) const;  // its offset in the source; 0 when absent

  const FlatBuffer* buffer_ = nullptr;
  uint64_t at_ = 0;
};

class FlatVector {
 public:
  FlatVector() = default;
  size_t size() const { return count_; }
  uint64_t offset() const { return first_; }  // of the first element in the source

  template <typename T>
  T At(size_t index) const;
  FlatTable TableAt(size_t index) const;
  std::string StringAt(size_t index, size_t limit = 1 << 20) const;

 private:
  friend class FlatTable;
  FlatVector(const FlatBuffer* buffer, uint64_t first, size_t count, size_t element_size)
      : buffer_(buffer), first_(first), count_(count), element_size_(element_size) {}

  const FlatBuffer* buffer_ = nullptr;
  uint64_t first_ = 0;
  size_t count_ = 0;
  size_t element_size_ = 0;
};

// Not thread-safe. `source` must outlive it; it must outlive its tables.
class FlatBuffer {
 public:
  explicit FlatBuffer(const ByteSource& source);

  // The table that the u32 at the start of the source leads to.
  FlatTable Root() const;

  uint64_t size() const { return size_; }

  // Copies bytes; false when they lie outside the source or cannot be read.
  bool Load(uint64_t at, void* out, size_t length) const;

  // A T at `at`; `otherwise` when it lies outside.
  template <typename T>
  T Load(uint64_t at, T otherwise = T()) const {
    T value;
    return Load(at, &value, sizeof(T)) ? value : otherwise;
  }

 private:
  friend class FlatTable;
  friend class FlatVector;
  struct Block {
    uint64_t number = UINT64_MAX;
    std::vector<std::byte> bytes;
  };
  // Where the u32 at `at` leads to; 0 when that lies outside.
  uint64_t Follow(uint64_t at) const;
  std::string StringAt(uint64_t at, size_t limit) const;

  const ByteSource& source_;
  uint64_t size_;
  mutable std::vector<Block> cache_;
};

template <typename T>
T FlatTable::Scalar(int slot, T otherwise) const {
  uint64_t at = Field(slot);
  return at == 0 ? otherwise : buffer_->Load<T>(at, otherwise);
}

template <typename T>
T FlatVector::At(size_t index) const {
  if (index >= count_) return T();
  return buffer_->Load<T>(first_ + index * element_size_);
}

}  // namespace pthview
