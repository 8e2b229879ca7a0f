// What a run of `pthview normalize` is asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pthview::archive {

enum class Dedup : uint8_t { kNone, kFiles, kTensors };

struct Options {
  std::vector<std::string> sources;  // files, folders; "-": a list of them on standard input, a line each
  std::string output;                // DIR
  std::vector<std::string> to = {"safetensors", "json"};  // names of converters
  std::vector<std::string> include;                       // globs on names of sources; empty: all
  std::vector<std::string> exclude;
  std::vector<std::string> parts;  // kinds ("model") or paths of sections; empty: all
  std::string rules;               // a TOML file; empty: none
  Dedup dedup = Dedup::kNone;
  bool strict = false;  // refuse what would lose anything
  bool bagit = false;
  bool dry_run = false;
  bool quiet = false;
  uint32_t shard = 0;   // of `shards`, from 0
  uint32_t shards = 0;  // 0: not one of several
};

// One line of JSON that says what is done to each source, whichever they are: two runs with equal ones do the same job.
// `rules` is the text of the rules file.
std::string JobOf(const Options& options, const std::string& rules);

}  // namespace pthview::archive
