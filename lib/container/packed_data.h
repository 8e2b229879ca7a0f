// What an UnpackedSource unpacks: one interface over deflate, xz and the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "lib/base/result.h"

namespace pthview {

// One pass over packed data: stands behind `position` unpacked bytes, and only goes forward.
class UnpackPass {
 public:
  virtual ~UnpackPass() = default;
  UnpackPass() = default;
  UnpackPass(const UnpackPass&) = delete;
  UnpackPass& operator=(const UnpackPass&) = delete;

  virtual uint64_t position() const = 0;
  // Offset in the source of the next packed byte.
  virtual uint64_t packed() const = 0;
  // Bytes that its decoder holds, about.
  virtual uint64_t memory() const = 0;
  // Fills `out`; *written is less only where the data ends or is wrong, and counts what is right in that case too.
  virtual Status Next(std::span<std::byte> out, size_t* written) = 0;
};

// Not thread-safe, and neither are several passes over one of them; but a pass may be destroyed by any thread.
class PackedData {
 public:
  virtual ~PackedData() = default;
  PackedData() = default;
  PackedData(const PackedData&) = delete;
  PackedData& operator=(const PackedData&) = delete;

  // Bytes that it unpacks to.
  virtual uint64_t size() const = 0;
  // The most that `packed` bytes of it can become.
  virtual uint64_t MostUnpacked(uint64_t packed) const = 0;
  // The last place at or before `offset` where a pass can begin.
  virtual uint64_t StartBefore(uint64_t offset) const = 0;
  // A pass that stands at StartBefore(offset). The PackedData must outlive it.
  virtual Result<std::unique_ptr<UnpackPass>> Start(uint64_t offset) = 0;
};

}  // namespace pthview
