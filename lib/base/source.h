// ByteSource: random-access bytes that a checkpoint is read from (a file, memory, a file on a server).
//
// Nothing is mapped: every byte is read with pread (or its like) into memory of ours. A file that is cut short or
// rewritten while it is being read therefore gives a short read, which is an Error, and never a SIGBUS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace pthview {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Bytes in total, as it was when the source was opened.
  virtual uint64_t size() const = 0;

  // What to call it in messages: the path as the user gave it.
  virtual const std::string& name() const = 0;

  // Fills `out` from `offset`. kTruncated when the source ends before. Safe to call from several threads.
  virtual Status ReadAt(uint64_t offset, std::span<std::byte> out) const = 0;

  // kChanged when the bytes may no longer be those that were opened: the size or the modification time of the open file
  // differs. A path that was renamed over is no change: the open file still has the old bytes.
  virtual Status CheckUnchanged() const { return Ok(); }

  // The file descriptor that holds the very same bytes at the same offsets, or -1. For copy_file_range.
  virtual int descriptor() const { return -1; }

  // Absolute real path of the file behind the source, empty when there is none (memory, stream).
  virtual std::string real_path() const { return {}; }

  // Reads [offset, offset + length) into a buffer of its own; the length is checked against size() first, so that a
  // lying length cannot allocate more than the source holds.
  Result<std::vector<std::byte>> Read(uint64_t offset, uint64_t length) const;
};

// Opens a regular file for reading. Never blocks on a FIFO; refuses directories and devices with an Error that says so.
Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path);

// Bytes held in memory, owned by the source.
std::unique_ptr<ByteSource> OpenMemory(std::string name, std::vector<std::byte> bytes);

}  // namespace pthview
