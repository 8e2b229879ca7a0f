// The sources behind OpenFile and OpenStandardInput: an open descriptor.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/source.h"

namespace pthview {

// kTruncated when [offset, offset + length) does not lie inside the source.
Status CheckInside(const ByteSource& source, uint64_t offset, uint64_t length);

// What errno says about an operation on a file.
Error SystemError(const std::string& path, int error_number, const char* doing);

class FileSource : public ByteSource {
 public:
  // Owns `fd`. `status` is its fstat; with `has_path`, `name` is the path that it was opened by.
  FileSource(int fd, std::string name, const struct stat& status, bool has_path);
  ~FileSource() override;

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  int descriptor() const override { return fd_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override;
  Status CheckUnchanged() const override;
  std::string real_path() const override;

 private:
  int fd_;
  std::string name_;
  uint64_t size_;
  struct timespec modified_;
  bool has_path_;
};

}  // namespace pthview
