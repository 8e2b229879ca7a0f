// A run of `pthview normalize` from beginning to end.
//
//   DIR/data/...            outputs, named after their sources; data/_tensors: the tensor store
//   DIR/manifest.jsonl      a line for the job, then one for each source, by name
//   DIR/report.html         for people
//   DIR/.pthview/           journals, locks, what is being written: nothing that a reader of the archive needs
//
// Two threads or more read and write; one puts what they have written in place, in the order of names: a batch is
// synced, renamed, and then stands in the journal. So whatever ends a run, no final name has half a file, and what the
// journal says is there. Equal sources and options give equal bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "tools/archive/journal.h"
#include "tools/archive/options.h"

namespace pthview::archive {

struct Summary {
  uint64_t sources = 0;
  uint64_t source_bytes = 0;
  uint64_t output_bytes = 0;
  uint64_t saved_bytes = 0;  // by not writing what equals another
  std::map<std::string, uint64_t> states;
  std::map<std::string, uint64_t> formats;
  std::map<std::string, uint64_t> verdicts;
  uint64_t dropped = 0, changed = 0, described = 0;
  uint64_t resumed = 0;  // sources that were done before this run
  bool interrupted = false;

  uint64_t State(const std::string& state) const {
    auto at = states.find(state);
    return at == states.end() ? 0 : at->second;
  }
  void Add(const Entry& entry);
};

// What a run tells while it goes on.
struct Reporter {
  // A source is in place (or refused): `done` of `all` sources, bytes of them.
  std::function<void(const Entry& entry, uint64_t done, uint64_t all, uint64_t done_bytes, uint64_t all_bytes)> entry;
};

// Ctrl-C sets it: the sources in hand are finished, no further ones begun.
std::atomic<bool>& StopRequested();

// kUsage when DIR is another job's, or another run is writing there; kIo when the run itself cannot go on.
Result<Summary> Run(const Options& options, const Reporter& reporter);

// Joins the journals of shards: what a run on one machine would have written.
Result<Summary> Merge(const std::string& directory, bool bagit);

}  // namespace pthview::archive
