#include "tools/archive/layout.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "lib/base/output_file.h"
#include "lib/base/sha256.h"
#include "lib/base/source.h"
#include "tools/archive/tensor_store.h"

namespace pthview::archive {
namespace {

namespace fs = std::filesystem;

// What stands at the top of the archive is written below its state folder first: whatever ends the run, nothing else
// is left among the files that people see.
class End {
 public:
  static Result<End> Begin(const std::string& directory) {
    End end;
    end.directory_ = directory;
    end.folder_ = StateFolder(directory) + "/end";
    std::error_code error;
    fs::remove_all(end.folder_, error);
    fs::create_directories(end.folder_, error);
    if (error) return Error{ErrorCode::kIo, "cannot create a folder: " + error.message(), end.folder_};
    return end;
  }

  Result<OutputFile> Create(const std::string& name) const { return OutputFile::Create(folder_ + "/" + name, true); }

  // Of what Create gave.
  Status Place(OutputFile file, const std::string& name) const {
    PTHVIEW_TRY(file.Commit(true));
    const std::string to = directory_ + "/" + name;
    if (::rename((folder_ + "/" + name).c_str(), to.c_str()) == 0) return Ok();
    return Error{ErrorCode::kIo, std::string("cannot rename onto: ") + std::strerror(errno), to};
  }

  Status Write(const std::string& name, const std::string& text) const {
    PTHVIEW_ASSIGN(OutputFile out, Create(name));
    PTHVIEW_TRY(out.Write(text));
    return Place(std::move(out), name);
  }

  Status Close() const {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    return SyncAll(directory_);
  }

 private:
  std::string directory_;
  std::string folder_;
};

// RFC 8493, 2.1.3: a line feed, a carriage return and the percent sign are encoded. Names here have none of them.
Status WriteBag(const End& end, const std::string& directory, const std::map<std::string, Entry>& entries,
                const Summary& summary) {
  std::map<std::string, std::string> payload;
  uint64_t bytes = 0;
  for (const auto& [name, entry] : entries) {
    if (entry.state != "done") continue;
    for (const OutputRecord& output : entry.outputs) {
      payload[output.path] = output.sha256;
      bytes += output.bytes;
    }
  }
  std::error_code error;
  const std::string store = directory + "/" + kStoreFolder;
  for (fs::recursive_directory_iterator at(store, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored)) continue;
    const std::string name = at->path().filename().string();
    payload[std::string(kStoreFolder) + "/" + name.substr(0, 2) + "/" + name] = name;
    bytes += at->file_size(ignored);
  }
  std::string manifest;
  for (const auto& [path, hash] : payload) manifest += hash + "  " + path + "\n";
  PTHVIEW_TRY(end.Write("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"));
  PTHVIEW_TRY(end.Write("bag-info.txt", fmt::format("Bag-Software-Agent: pthview {}\nPayload-Oxum: {}.{}\n"
                                                    "External-Description: {} checkpoints, normalised\n",
                                                    PTHVIEW_VERSION, bytes, payload.size(),
                                                    summary.State("done") + summary.State("same"))));
  PTHVIEW_TRY(end.Write("manifest-sha256.txt", manifest));
  std::string tags;
  for (const char* name : {"bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest.jsonl", "report.html"}) {
    PTHVIEW_ASSIGN(FileHash hash, HashFile(directory + "/" + name));
    tags += hash.sha256 + "  " + name + "\n";
  }
  return end.Write("tagmanifest-sha256.txt", tags);
}

}  // namespace

std::string JournalPath(const std::string& directory, uint32_t shard, uint32_t shards) {
  if (shards == 0) return StateFolder(directory) + "/journal.jsonl";
  return fmt::format("{}/journal-{}-of-{}.jsonl", StateFolder(directory), shard, shards);
}

Result<Lock> Lock::Take(const std::string& path, bool shared, const std::string& directory) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return Error{ErrorCode::kIo, std::string("cannot open: ") + std::strerror(errno), path};
  Lock lock(fd);
  if (::flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return Error{ErrorCode::kIo, std::string("cannot lock: ") + std::strerror(errno), path};
  return Error{.code = ErrorCode::kUsage,
               .message = "another run of pthview normalize is writing there",
               .file = directory,
               .hint = "wait until it has ended, or write to another folder"};
}

Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> ReadText(const std::string& path) {
  PTHVIEW_ASSIGN(auto file, OpenFile(path));
  PTHVIEW_ASSIGN(auto bytes, file->Read(0, file->size()));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Status SyncAll(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Error{ErrorCode::kIo, std::string("cannot open: ") + std::strerror(errno), directory};
  const int failed = ::syncfs(fd) != 0 ? errno : 0;
  ::close(fd);
  if (failed == 0) return Ok();
  Error error{ErrorCode::kIo, std::string("cannot sync: ") + std::strerror(failed), directory};
  if (failed == ENOSPC || failed == EDQUOT) error.message = "no space is left on the device";
  return error;
}

Status WriteEnd(const std::string& directory, const std::string& job, const std::map<std::string, Entry>& entries,
                const std::function<Result<std::string>(const Entry&)>& row, const Summary& summary, bool bagit) {
  PTHVIEW_ASSIGN(End end, End::Begin(directory));
  PTHVIEW_ASSIGN(OutputFile out, end.Create("manifest.jsonl"));
  PTHVIEW_TRY(out.Write(job + "\n"));
  for (const auto& [name, entry] : entries) {
    PTHVIEW_ASSIGN(std::string line, row(entry));
    PTHVIEW_TRY(out.Write(line + "\n"));
  }
  PTHVIEW_TRY(end.Place(std::move(out), "manifest.jsonl"));
  PTHVIEW_TRY(end.Write("report.html", ReportHtml(entries, summary)));
  if (bagit) PTHVIEW_TRY(WriteBag(end, directory, entries, summary));
  return end.Close();
}

}  // namespace pthview::archive
