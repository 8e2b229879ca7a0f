#include "lib/base/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace pthview {
namespace {

Error IoError(const std::string& path, int error_number, const char* doing) {
  ErrorCode code = error_number == ENOENT || error_number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return Error{code, std::string(doing) + ": " + std::strerror(error_number), path};
}

Error PastTheEnd(const ByteSource& source, uint64_t offset, uint64_t length) {
  Error error{ErrorCode::kTruncated, "the file ends at byte " + std::to_string(source.size()) + ", but " +
                                         std::to_string(length) + " bytes are expected here"};
  error.file = source.name();
  error.offset = offset;
  return error;
}

bool Inside(const ByteSource& source, uint64_t offset, uint64_t length) {
  return offset <= source.size() && length <= source.size() - offset;
}

class FileSource : public ByteSource {
 public:
  FileSource(int fd, std::string path, const struct stat& status)
      : fd_(fd), path_(std::move(path)), size_(static_cast<uint64_t>(status.st_size)), modified_(status.st_mtim) {}
  ~FileSource() override { ::close(fd_); }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return path_; }
  int descriptor() const override { return fd_; }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (!Inside(*this, offset, out.size())) return PastTheEnd(*this, offset, out.size());
    size_t done = 0;
    while (done < out.size()) {
      ssize_t got = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        Error error = IoError(path_, errno, "cannot read");
        error.offset = offset + done;
        return error;
      }
      if (got == 0) {
        Error error{ErrorCode::kTruncated,
                    "the file ends at byte " + std::to_string(offset + done) + ": it was cut short while being read"};
        error.file = path_;
        error.offset = offset;
        return error;
      }
      done += static_cast<size_t>(got);
    }
    return Ok();
  }

  // A file that was renamed over ours leaves the descriptor with the old bytes, which is why only the inode that is
  // open is looked at.
  Status CheckUnchanged() const override {
    struct stat now;
    if (::fstat(fd_, &now) != 0) return IoError(path_, errno, "cannot stat");
    if (static_cast<uint64_t>(now.st_size) == size_ && now.st_mtim.tv_sec == modified_.tv_sec &&
        now.st_mtim.tv_nsec == modified_.tv_nsec) {
      return Ok();
    }
    Error error{ErrorCode::kChanged, "the file changed while it was being read", path_};
    error.hint = "wait until whatever writes it is done, then try again";
    return error;
  }

  std::string real_path() const override {
    std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path_.c_str(), nullptr), &std::free);
    return resolved ? std::string(resolved.get()) : std::string();
  }

 private:
  int fd_;
  std::string path_;
  uint64_t size_;
  struct timespec modified_;
};

class MemorySource : public ByteSource {
 public:
  MemorySource(std::string name, std::vector<std::byte> bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  uint64_t size() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (!Inside(*this, offset, out.size())) return PastTheEnd(*this, offset, out.size());
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return Ok();
  }

 private:
  std::string name_;
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<std::vector<std::byte>> ByteSource::Read(uint64_t offset, uint64_t length) const {
  if (!Inside(*this, offset, length)) return PastTheEnd(*this, offset, length);
  std::vector<std::byte> bytes(static_cast<size_t>(length));
  PTHVIEW_TRY(ReadAt(offset, bytes));
  return bytes;
}

Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  // Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return IoError(path, errno, "cannot open");
  struct stat status;
  if (::fstat(fd, &status) != 0) {
    Error error = IoError(path, errno, "cannot stat");
    ::close(fd);
    return error;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(fd);
    Error error{ErrorCode::kIo, "not a regular file", path};
    error.hint = "save its content to a file first: a checkpoint is read at many places, not front to back";
    if (S_ISDIR(status.st_mode)) {
      error.message = "is a directory";
      error.hint = "name a file inside it";
    } else if (S_ISFIFO(status.st_mode)) {
      error.message = "is a pipe, not a file";
    } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
      error.message = "is a device, not a file";
    }
    return error;
  }
  return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(fd, path, status));
}

std::unique_ptr<ByteSource> OpenMemory(std::string name, std::vector<std::byte> bytes) {
  return std::make_unique<MemorySource>(std::move(name), std::move(bytes));
}

}  // namespace pthview
