// OutputFile: written beside its target under a temporary name (`.<name>.pthview-<pid>-<n>.tmp`) and renamed when
// complete, so that nobody ever sees half of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

// Sees the bytes of files as they are written: for hashes without reading again.
class OutputObserver {
 public:
  virtual ~OutputObserver() = default;
  // A file begins, that will have this path.
  virtual void Begin(const std::string& path) = 0;
  // The bytes that follow in it.
  virtual void Bytes(std::span<const std::byte> bytes) = 0;
};

class OutputFile {
 public:
  // CopyFrom is as fast as `cp` where the place in the source and position() are the same but for whole pages.
  static constexpr uint64_t kPage = 4096;

  // kExists when the target exists and `force` is false; kUsage when it is a directory or a device. "-" writes to
  // standard output (nothing is renamed). Replacing through a symbolic link replaces the link, never its target. The
  // temporary is removed when the OutputFile is destroyed without Commit, and on SIGINT/SIGTERM through
  // RemoveTemporaries().
  static Result<OutputFile> Create(const std::string& path, bool force);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  // Buffered. kReaderGone when standard output is a pipe that nobody reads any more; kIo for all else that the system
  // refuses, also what would pass `ulimit -f` where the program ignores SIGXFSZ.
  Status Write(std::string_view bytes);
  Status Write(std::span<const std::byte> bytes);
  // Copies [offset, offset + length) of `source`: inside the kernel where both are files, else through a buffer.
  // kTruncated when the source ends before; kInterrupted after Progress::SetInterrupted.
  Status CopyFrom(const ByteSource& source, uint64_t offset, uint64_t length);
  uint64_t position() const { return position_; }
  // From now on, which is before anything is written, `observer` sees all bytes; null: nobody. It outlives the file.
  void Observe(OutputObserver* observer);
  bool observed() const { return observer_ != nullptr; }

  // Flushes and renames onto the target; kExists when, without `force`, the target has come to exist meanwhile. With
  // `sync`, fsyncs the file before and the folder after.
  Status Commit(bool sync = false);

  // Async-signal-safe: unlinks every temporary that is open. For signal handlers.
  static void RemoveTemporaries();

 private:
  OutputFile() = default;
  Status WriteThrough(std::string_view bytes);
  Status Flush();
  int fd_ = -1;
  int slot_ = -1;  // in the table that RemoveTemporaries reads
  bool to_stdout_ = false;
  bool force_ = false;
  std::string target_;
  std::string temporary_;
  std::string buffer_;
  OutputObserver* observer_ = nullptr;
  uint64_t position_ = 0;
};

}  // namespace pthview
