// Files of an archive's folder that the run keeps for itself, and what it writes at its end.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "tools/archive/journal.h"
#include "tools/archive/options.h"
#include "tools/archive/run.h"

namespace pthview::archive {

inline std::string StateFolder(const std::string& directory) { return directory + "/.pthview"; }
std::string JournalPath(const std::string& directory, uint32_t shard, uint32_t shards);

// A lock that ends with the process.
class Lock {
 public:
  // `shared`: others that share it may hold it at the same time. kUsage when somebody else holds it.
  static Result<Lock> Take(const std::string& path, bool shared, const std::string& directory);
  Lock(Lock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Lock& operator=(Lock&&) = delete;
  ~Lock();

 private:
  explicit Lock(int fd) : fd_(fd) {}
  int fd_;
};

// Everything behind the last source: the manifest, the report, and for a bag the files of BagIt (RFC 8493).
// `entries` are those that the manifest lists, by name; rows come from `row`.
Status WriteEnd(const std::string& directory, const std::string& job, const std::map<std::string, Entry>& entries,
                const std::function<Result<std::string>(const Entry&)>& row, const Summary& summary, bool bagit);

// The HTML of report.html.
std::string ReportHtml(const std::map<std::string, Entry>& entries, const Summary& summary);

Result<std::string> ReadText(const std::string& path);
// Writes everything of the file system that `directory` is on to the disk.
Status SyncAll(const std::string& directory);

}  // namespace pthview::archive
