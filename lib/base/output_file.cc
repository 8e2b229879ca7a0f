#include "lib/base/output_file.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/held_source.h"
#include "lib/base/progress.h"

namespace pthview {
namespace {

constexpr size_t kBufferSize = size_t{1} << 18;
constexpr uint64_t kCopyChunk = uint64_t{64} << 20;  // between two looks at Ctrl-C
constexpr size_t kReadChunk = size_t{1} << 20;
constexpr off_t kWriteBack = off_t{16} << 20;
constexpr uint64_t kHeldChunk = uint64_t{1} << 14;         // bytes in memory that are not worth a copy into the buffer
constexpr uint64_t kWorthWritingBack = uint64_t{1} << 18;  // smaller files are written better together

// Paths of the temporaries that exist, where a signal handler can read them: no allocation, no locks.
enum SlotState : int { kFree, kClaimed, kInUse };
struct Slot {
  std::atomic<int> state{kFree};
  char path[PATH_MAX];
};
constexpr int kSlots = 32;
Slot slots[kSlots];
static_assert(std::atomic<int>::is_always_lock_free);

int ClaimSlot(const std::string& path) {
  if (path.size() >= PATH_MAX) return -1;
  for (int i = 0; i < kSlots; ++i) {
    int expected = kFree;
    if (!slots[i].state.compare_exchange_strong(expected, kClaimed)) continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].state = kInUse;
    return i;
  }
  return -1;
}

void ReleaseSlot(int slot) {
  if (slot >= 0) slots[slot].state = kFree;
}

Error OsError(const std::string& path, const char* doing, int number) {
  Error error{ErrorCode::kIo, std::string(doing) + ": " + std::strerror(number), path};
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      error.message = "no space is left on the device";
      error.hint = "free some space, or write to another disk";
      break;
    case ENOENT:
    case ENOTDIR:
      error.code = ErrorCode::kNotFound;
      error.message = "the folder to write to does not exist";
      break;
    case EFBIG:
      error.message = "the file would be larger than it may become here";
      error.hint = "`ulimit -f` and the file system limit it; write to another disk, or raise the limit";
      break;
    case EPIPE:
      error.code = ErrorCode::kReaderGone;
      error.message = "whoever read the output has gone";
      break;
    default: break;
  }
  return error;
}

Error TargetExists(const std::string& path) {
  Error error{ErrorCode::kExists, "the file exists already", path};
  error.hint = "give another name, or --force to replace it";
  return error;
}

// Refuses what must not be replaced. A symbolic link counts as what it leads to, except that a dangling one is free.
Status CheckTarget(const std::string& path, bool force) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return Ok();
  struct stat behind;
  if (::stat(path.c_str(), &behind) == 0 && !S_ISREG(behind.st_mode)) {
    Error error{ErrorCode::kUsage, S_ISDIR(behind.st_mode) ? "is a directory" : "is not a regular file", path};
    error.hint = S_ISDIR(behind.st_mode) ? "name a file inside it" : "write to - for standard output";
    return error;
  }
  if (!force) return TargetExists(path);
  return Ok();
}

// Gives the file at `from` the name `to`, failing with EEXIST when there is one. Returns 0 or errno.
int RenameWithoutReplacing(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::link(from.c_str(), to.c_str()) == 0) {
    ::unlink(from.c_str());
    return 0;
  }
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return errno;
  // A file system without either (FAT, some network ones): take the name first, then rename over our own empty file.
  int fd = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return errno;
  ::close(fd);
  if (::rename(from.c_str(), to.c_str()) == 0) return 0;
  int number = errno;
  ::unlink(to.c_str());
  return number;
}

}  // namespace

Result<OutputFile> OutputFile::Create(const std::string& path, bool force) {
  OutputFile file;
  file.target_ = path;
  file.force_ = force;
  if (path == "-") {
    file.fd_ = STDOUT_FILENO;
    file.to_stdout_ = true;
    return file;
  }
  PTHVIEW_TRY(CheckTarget(path, force));
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  // A name of the longest length would be too long with something added to it.
  std::string base = path.substr(folder.size()).substr(0, NAME_MAX - 48);
  if (base.empty()) return Error{ErrorCode::kUsage, "the name of the output is empty", path};
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    file.temporary_ = fmt::format("{}.{}.pthview-{}-{}.tmp", folder, base, ::getpid(), counter.fetch_add(1));
    // Claimed before the file exists, so that a signal between the two leaves nothing behind.
    file.slot_ = ClaimSlot(file.temporary_);
    if (file.slot_ < 0) {
      file.temporary_.clear();
      return Error{ErrorCode::kLimit, "too many files are being written at once, or the path is too long", path};
    }
    file.fd_ = ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd_ >= 0) return file;
    int number = errno;
    ReleaseSlot(std::exchange(file.slot_, -1));
    file.temporary_.clear();
    if (number != EEXIST) return OsError(path, "cannot create", number);
  }
  return OsError(path, "cannot create", EEXIST);
}

OutputFile::OutputFile(OutputFile&& other) noexcept { *this = std::move(other); }

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(slot_, other.slot_);
  std::swap(to_stdout_, other.to_stdout_);
  std::swap(force_, other.force_);
  std::swap(target_, other.target_);
  std::swap(temporary_, other.temporary_);
  std::swap(buffer_, other.buffer_);
  std::swap(observer_, other.observer_);
  std::swap(position_, other.position_);
  return *this;
}

OutputFile::~OutputFile() {
  if (fd_ >= 0 && !to_stdout_) ::close(fd_);
  if (slot_ >= 0) {
    ::unlink(temporary_.c_str());
    ReleaseSlot(slot_);
  }
}

void OutputFile::Observe(OutputObserver* observer) {
  observer_ = observer;
  if (observer_ != nullptr) observer_->Begin(target_);
}

Status OutputFile::WriteThrough(std::string_view bytes) {
  if (observer_ != nullptr) observer_->Bytes(std::as_bytes(std::span(bytes)));
  while (!bytes.empty()) {
    ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return OsError(target_, "cannot write", errno);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    if (observer_ == nullptr || to_stdout_) continue;
    // Whoever watches will sync: the disk may begin.
    const off_t at = ::lseek(fd_, 0, SEEK_CUR);
    if (at / kWriteBack == (at - written) / kWriteBack) continue;
    ::sync_file_range(fd_, (at - written) / kWriteBack * kWriteBack, 0, SYNC_FILE_RANGE_WRITE);
  }
  return Ok();
}

Status OutputFile::Flush() {
  PTHVIEW_TRY(WriteThrough(buffer_));
  buffer_.clear();
  return Ok();
}

Status OutputFile::Write(std::string_view bytes) {
  position_ += bytes.size();
  while (!bytes.empty()) {
    size_t take = std::min(bytes.size(), kBufferSize - buffer_.size());
    buffer_.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    if (buffer_.size() == kBufferSize) PTHVIEW_TRY(Flush());
  }
  return Ok();
}

Status OutputFile::Write(std::span<const std::byte> bytes) {
  return Write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Status OutputFile::CopyFrom(const ByteSource& source, uint64_t offset, uint64_t length) {
  if (offset > source.size() || length > source.size() - offset) {
    Error error{ErrorCode::kTruncated, "the file ends at byte " + std::to_string(source.size()), source.name()};
    error.offset = offset;
    return error;
  }
  if (const auto* held = dynamic_cast<const HeldSource*>(&source); held != nullptr && length >= kHeldChunk) {
    PTHVIEW_TRY(Flush());
    position_ += length;
    return WriteThrough({reinterpret_cast<const char*>(held->bytes().data()) + offset, length});
  }
  // What goes past our buffer must come after what is still in it.
  const bool past_buffer = length >= kBufferSize;
  if (past_buffer) PTHVIEW_TRY(Flush());
  // The kernel copies page by page. Where pages of one file do not fall on pages of the other it handles each twice,
  // and blocks that end where the output's own blocks do are faster.
  bool in_kernel =
      past_buffer && observer_ == nullptr && source.descriptor() >= 0 && offset % kPage == position_ % kPage;
  bool copy_file_range_works = in_kernel;
  std::vector<std::byte> block;
  while (length > 0) {
    if (Progress::Interrupted()) return Error{ErrorCode::kInterrupted, "interrupted"};
    if (in_kernel) {
      off_t from = static_cast<off_t>(offset);
      size_t want = static_cast<size_t>(std::min(length, kCopyChunk));
      ssize_t copied = copy_file_range_works ? ::copy_file_range(source.descriptor(), &from, fd_, nullptr, want, 0)
                                             : ::sendfile(fd_, source.descriptor(), &from, want);
      if (copied > 0) {
        offset += static_cast<uint64_t>(copied);
        length -= static_cast<uint64_t>(copied);
        position_ += static_cast<uint64_t>(copied);
        continue;
      }
      if (copied < 0 && errno == EINTR) continue;
      if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EPIPE)) {
        return OsError(target_, "cannot write", errno);
      }
      // Not between these two files (other disks, pipes, old kernels), or the end: try the next way. Reading says
      // which of the two it is.
      if (copy_file_range_works) {
        copy_file_range_works = false;
      } else {
        in_kernel = false;
      }
      continue;
    }
    block.resize(static_cast<size_t>(std::min<uint64_t>(length, kReadChunk - position_ % kReadChunk)));
    PTHVIEW_TRY(source.ReadAt(offset, block));
    if (past_buffer) {
      PTHVIEW_TRY(WriteThrough({reinterpret_cast<const char*>(block.data()), block.size()}));
      position_ += block.size();
    } else {
      PTHVIEW_TRY(Write(std::span<const std::byte>(block)));
    }
    offset += block.size();
    length -= block.size();
  }
  return Ok();
}

Status OutputFile::Commit(bool sync) {
  PTHVIEW_TRY(Flush());
  if (to_stdout_) return Ok();
  if (sync && ::fsync(fd_) != 0) return OsError(target_, "cannot write", errno);
  // As in WriteThrough. Nothing is waited for, and what goes wrong is told by whoever syncs.
  if (!sync && observer_ != nullptr && position_ >= kWorthWritingBack) {
    ::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  // Network file systems report what failed earlier only here.
  if (::close(std::exchange(fd_, -1)) != 0) return OsError(target_, "cannot write", errno);
  if (force_) {
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) return OsError(target_, "cannot rename onto", errno);
  } else if (int number = RenameWithoutReplacing(temporary_, target_); number != 0) {
    if (number == EEXIST) return TargetExists(target_);
    return OsError(target_, "cannot rename onto", number);
  }
  ReleaseSlot(std::exchange(slot_, -1));
  if (sync) {
    size_t slash = target_.rfind('/');
    std::string folder = slash == std::string::npos ? "." : target_.substr(0, slash + 1);
    int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return OsError(target_, "cannot open the folder", errno);
    int failed = ::fsync(fd) != 0 ? errno : 0;
    ::close(fd);
    if (failed != 0 && failed != EINVAL) return OsError(target_, "cannot write", failed);
  }
  return Ok();
}

void OutputFile::RemoveTemporaries() {
  for (Slot& slot : slots) {
    if (slot.state == kInUse) ::unlink(slot.path);
  }
}

}  // namespace pthview
