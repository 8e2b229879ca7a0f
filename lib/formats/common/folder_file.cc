#include "lib/formats/common/folder_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <list>
#include <mutex>
#include <utility>

namespace pthview {
namespace {

using File = std::shared_ptr<const ByteSource>;

int MostDescriptors() {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
}

bool StatusOf(const ByteSource& file, struct stat* status) {
  const int descriptor = file.descriptor();
  return descriptor >= 0 && ::fstat(descriptor, status) == 0;
}

// The files that are open of those that take turns; the last one used stands first.
class OpenFiles {
 public:
  static OpenFiles& Get() {
    static OpenFiles files;
    return files;
  }

  // Null when it is not open.
  File Find(const void* owner) {
    std::lock_guard lock(mutex_);
    auto found = Place(owner);
    if (found == files_.end()) return nullptr;
    files_.splice(files_.begin(), files_, found);
    return found->second;
  }

  // Whoever reads a file that is pushed out keeps it open until done.
  void Add(const void* owner, const File& file) {
    std::lock_guard lock(mutex_);
    if (Place(owner) != files_.end()) return;
    files_.emplace_front(owner, file);
    const auto most = static_cast<size_t>(std::clamp(MostDescriptors() / 8, 1, 64));
    while (files_.size() > most) files_.pop_back();
  }

  void Remove(const void* owner) {
    std::lock_guard lock(mutex_);
    if (auto found = Place(owner); found != files_.end()) files_.erase(found);
  }

 private:
  using Files = std::list<std::pair<const void*, File>>;
  Files::iterator Place(const void* owner) {
    return std::find_if(files_.begin(), files_.end(), [&](const auto& file) { return file.first == owner; });
  }

  std::mutex mutex_;
  Files files_;
};

class ReopenedFile : public ByteSource {
 public:
  ReopenedFile(const File& file, const struct stat& status)
      : name_(file->name()), real_path_(file->real_path()), size_(file->size()), status_(status) {
    OpenFiles::Get().Add(this, file);
  }
  ~ReopenedFile() override { OpenFiles::Get().Remove(this); }

  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  std::string real_path() const override { return real_path_; }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    PTHVIEW_ASSIGN(File file, Opened());
    return file->ReadAt(offset, out);
  }

  Status CheckUnchanged() const override {
    PTHVIEW_ASSIGN(File file, Opened());
    return file->CheckUnchanged();
  }

 private:
  Result<File> Opened() const {
    if (File file = OpenFiles::Get().Find(this)) return file;
    PTHVIEW_ASSIGN(File file, OpenFile(name_));
    struct stat now;
    bool same = StatusOf(*file, &now) && now.st_dev == status_.st_dev && now.st_ino == status_.st_ino &&
                now.st_size == status_.st_size && now.st_mtim.tv_sec == status_.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == status_.st_mtim.tv_nsec;
    if (!same) {
      Error error{ErrorCode::kChanged, "the file changed, or another took its place, while it was being read", name_};
      error.hint = "wait until whatever writes it is done, then try again";
      return error;
    }
    OpenFiles::Get().Add(this, file);
    return file;
  }

  std::string name_;
  std::string real_path_;
  uint64_t size_;
  struct stat status_;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenFolderFile(const std::string& path) {
  PTHVIEW_ASSIGN(std::unique_ptr<ByteSource> file, OpenFile(path));
  // The system gives the lowest number that is free.
  const bool to_spare = file->descriptor() < MostDescriptors() / 2;
  struct stat status;
  if (to_spare || !StatusOf(*file, &status)) return file;
  return std::unique_ptr<ByteSource>(std::make_unique<ReopenedFile>(File(std::move(file)), status));
}

}  // namespace pthview
