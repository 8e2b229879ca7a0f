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

#include "lib/base/file_source.h"
#include "lib/base/read_failures.h"

namespace pthview {

Error SystemError(const std::string& path, int error_number, const char* doing) {
  ErrorCode code = error_number == ENOENT || error_number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return Error{code, std::string(doing) + ": " + std::strerror(error_number), path};
}

Status CheckInside(const ByteSource& source, uint64_t offset, uint64_t length) {
  if (offset <= source.size() && length <= source.size() - offset) return Ok();
  Error error{ErrorCode::kTruncated, "the file ends at byte " + std::to_string(source.size()) + ", but " +
                                         std::to_string(length) + " bytes are expected here"};
  error.file = source.name();
  error.offset = offset;
  return error;
}

FileSource::FileSource(int fd, std::string name, const struct stat& status, bool has_path)
    : fd_(fd),
      name_(std::move(name)),
      size_(static_cast<uint64_t>(status.st_size)),
      modified_(status.st_mtim),
      has_path_(has_path) {}

FileSource::~FileSource() { ::close(fd_); }

Status FileSource::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  PTHVIEW_TRY(CheckInside(*this, offset, out.size()));
  size_t done = 0;
  while (done < out.size()) {
    ssize_t got = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      Error error = SystemError(name_, errno, "cannot read");
      NoteReadFailure(name_);
      error.offset = offset + done;
      return error;
    }
    if (got == 0) {
      Error error{ErrorCode::kTruncated,
                  "the file ends at byte " + std::to_string(offset + done) + ": it was cut short while being read"};
      error.file = name_;
      error.offset = offset;
      return error;
    }
    done += static_cast<size_t>(got);
  }
  return Ok();
}

// A file that was renamed over ours leaves the descriptor with the old bytes, which is why only the inode that is open
// is looked at.
Status FileSource::CheckUnchanged() const {
  struct stat now;
  if (::fstat(fd_, &now) != 0) return SystemError(name_, errno, "cannot stat");
  if (static_cast<uint64_t>(now.st_size) == size_ && now.st_mtim.tv_sec == modified_.tv_sec &&
      now.st_mtim.tv_nsec == modified_.tv_nsec) {
    return Ok();
  }
  Error error{ErrorCode::kChanged, "the file changed while it was being read", name_};
  error.hint = "wait until whatever writes it is done, then try again";
  return error;
}

std::string FileSource::real_path() const {
  if (!has_path_) return {};
  std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(name_.c_str(), nullptr), &std::free);
  return resolved ? std::string(resolved.get()) : std::string();
}

namespace {

class MemorySource : public ByteSource {
 public:
  MemorySource(std::string name, std::vector<std::byte> bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  uint64_t size() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    PTHVIEW_TRY(CheckInside(*this, offset, out.size()));
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return Ok();
  }

 private:
  std::string name_;
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<std::vector<std::byte>> ByteSource::Read(uint64_t offset, uint64_t length) const {
  PTHVIEW_TRY(CheckInside(*this, offset, length));
  std::vector<std::byte> bytes(static_cast<size_t>(length));
  PTHVIEW_TRY(ReadAt(offset, bytes));
  return bytes;
}

Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  // Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return SystemError(path, errno, "cannot open");
  struct stat status;
  if (::fstat(fd, &status) != 0) {
    Error error = SystemError(path, errno, "cannot stat");
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
  return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(fd, path, status, /*has_path=*/true));
}

std::unique_ptr<ByteSource> OpenMemory(std::string name, std::vector<std::byte> bytes) {
  return std::make_unique<MemorySource>(std::move(name), std::move(bytes));
}

}  // namespace pthview
