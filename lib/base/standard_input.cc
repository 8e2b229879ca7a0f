#include "lib/base/standard_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/base/file_source.h"
#include "lib/base/progress.h"

namespace pthview {
namespace {

const std::string kName = "-";  // NOLINT(cert-err58-cpp)
constexpr size_t kPiece = size_t{1} << 20;

std::string SpoolFolder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != 0 ? folder : "/tmp";
}

Status WriteAll(int fd, const std::byte* bytes, size_t length) {
  while (length > 0) {
    const ssize_t wrote = ::write(fd, bytes, length);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      Error error = SystemError(kName, errno, "standard input cannot be kept");
      if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
        error.hint = "set TMPDIR to a folder with room for all of it (now " + SpoolFolder() + ")";
      }
      return error;
    }
    bytes += wrote;
    length -= static_cast<size_t>(wrote);
  }
  return Ok();
}

Status Spool(int fd) {
  std::vector<std::byte> piece(kPiece);
  Progress progress("reading standard input", 0);
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got == 0) return Ok();
    if (got > 0) {
      PTHVIEW_TRY(WriteAll(fd, piece.data(), static_cast<size_t>(got)));
      progress.Advance(static_cast<uint64_t>(got));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return SystemError(kName, errno, "standard input cannot be read");
    pollfd ready{STDIN_FILENO, POLLIN, 0};  // whoever started us left it non-blocking
    ::poll(&ready, 1, -1);
  }
}

Result<std::unique_ptr<ByteSource>> SourceOf(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) {
    Error error = SystemError(kName, errno, "cannot stat");
    ::close(fd);
    return error;
  }
  return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(fd, kName, status, /*has_path=*/false));
}

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenStandardInput() {
  static std::atomic<bool> taken{false};
  if (taken.exchange(true)) {
    return Error{.code = ErrorCode::kUsage, .message = "standard input can be read once only"}.In(kName);
  }
  if (::isatty(STDIN_FILENO) == 1) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "standard input is a terminal, and no file comes from it",
                 .hint = "cat model.pth | pthview list -"}
        .In(kName);
  }
  struct stat status;
  if (::fstat(STDIN_FILENO, &status) != 0) return SystemError(kName, errno, "standard input cannot be read");
  if (S_ISDIR(status.st_mode)) {
    return Error{.code = ErrorCode::kIo, .message = "standard input is a directory"}.In(kName);
  }
  // What was read of it already is not part of the stream.
  if (S_ISREG(status.st_mode) && ::lseek(STDIN_FILENO, 0, SEEK_CUR) == 0) {
    const int fd = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return SystemError(kName, errno, "standard input cannot be read");
    return SourceOf(fd);
  }
  int fd = ::open(SpoolFolder().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  if (fd < 0) fd = ::memfd_create("pthview-stdin", MFD_CLOEXEC);
  if (fd < 0) return SystemError(kName, errno, "standard input cannot be kept");
  if (Status spooled = Spool(fd); !spooled) {
    ::close(fd);
    return std::move(spooled).error();
  }
  return SourceOf(fd);
}

}  // namespace pthview
