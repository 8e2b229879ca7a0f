// The journal of a run: one line for each source that is done, appended and synced. What it says is done has its
// outputs in place; a line that a power cut tore is forgotten. It is also the manifest's rows: the run's end copies
// them.
//
//   {"placing":[paths below DIR]} LF                                            before they are renamed
//   {"source":...,"modified":...,"state":...} TAB {the row of the manifest} LF  after that
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"

namespace pthview::archive {

struct OutputRecord {
  std::string path;  // below DIR
  uint64_t bytes = 0;
  std::string sha256;
};

// What the run, its report and a later run need to know of a source without reading its row.
struct Entry {
  std::string name;
  std::string source;
  std::string state;    // "done", "same", "refused", "failed", "other"
  std::string sha256;   // of the source; empty when it could not be read
  std::string rules;    // which rules applied: equal sources under equal rules have equal outputs
  std::string same_as;  // "same": the name of the one that it equals
  std::string format;
  std::string verdict;  // of scan
  std::string error;
  uint64_t bytes = 0;
  int64_t modified = 0;
  uint64_t dropped = 0, changed = 0, described = 0;  // rows of the ledger
  std::vector<OutputRecord> outputs;
};

// Of an entry whose state is "same".
std::string RowOfSame(const Entry& entry);

class Journal {
 public:
  struct Place {
    uint64_t offset = 0;  // of the row
    uint64_t length = 0;
  };

  // Opens or begins it. Reads what is there, and cuts off what is torn.
  static Result<Journal> Open(const std::string& path);
  Journal(Journal&& other) noexcept { *this = std::move(other); }
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  // Says that these paths are about to be given to outputs; whoever syncs the file system makes it last. Should the
  // lines of their sources never come, they are `stray`.
  Status Announce(const std::vector<std::string>& paths);
  // Appends lines and syncs them. kIo: none of them counts.
  Status Append(const std::vector<std::pair<Entry, std::string>>& lines);
  Result<std::string> Row(const std::string& name) const;

  // By name; the last line of each counts.
  const std::map<std::string, Entry>& entries() const { return entries_; }
  // All of them, for whoever changes them; Row still knows where rows are.
  std::map<std::string, Entry> TakeEntries() { return std::exchange(entries_, {}); }
  // Paths that may have an output that no entry speaks of: the run ended between the two lines, or a later line of the
  // same source has others.
  const std::set<std::string>& stray() const { return stray_; }

 private:
  Journal() = default;
  Status Read();
  Status Write(const std::string& text);
  void Take(Entry entry, Place place);
  int fd_ = -1;
  std::string path_;
  uint64_t end_ = 0;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Place> places_;
  std::set<std::string> stray_;
};

}  // namespace pthview::archive
