#include "tools/archive/run.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "converters/converter.h"
#include "lib/base/threads.h"
#include "tools/archive/layout.h"
#include "tools/archive/source_run.h"
#include "tools/archive/sources.h"

namespace pthview::archive {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Of an entry whose outputs are those of `name`: it has none of its own.
void BecomeSame(Entry& entry, const std::string& name) {
  entry.state = "same";
  entry.same_as = name;
  entry.outputs.clear();
  entry.format.clear();
  entry.verdict.clear();
  entry.dropped = entry.changed = entry.described = 0;
}

// A batch is put in place when any of these is reached. A kill costs no more than that.
constexpr size_t kBatchSources = 256;
constexpr uint64_t kBatchBytes = uint64_t{256} << 20;
constexpr auto kBatchTime = std::chrono::milliseconds(1000);
// How far workers may be ahead of the first source that is not done.
constexpr size_t kMostAhead = 512;

Error IoError(const std::string& path, const std::string& doing, int number) {
  Error error{ErrorCode::kIo, doing + ": " + std::strerror(number), path};
  if (number == ENOSPC || number == EDQUOT) error.message = "no space is left on the device";
  return error;
}

// Prepares DIR: ours, empty, or not there yet.
Status PrepareFolder(const std::string& directory, const std::string& job, bool dry_run) {
  if (dry_run) return Ok();
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return Error{ErrorCode::kIo, "cannot create the folder: " + error.message(), directory};
  const std::string state = StateFolder(directory);
  const std::string job_file = state + "/job.json";
  if (!fs::exists(job_file, error)) {
    if (!fs::exists(state, error) && !fs::is_empty(directory, error)) {
      return Error{.code = ErrorCode::kUsage,
                   .message = "the folder is not empty, and no run of pthview normalize made it",
                   .file = directory,
                   .hint = "give the name of a new folder"};
    }
    fs::create_directories(state, error);
    if (error) return Error{ErrorCode::kIo, "cannot create the folder: " + error.message(), state};
    // Shards begin at the same time: whoever comes first writes it.
    auto out = OutputFile::Create(job_file, false);
    if (out) {
      PTHVIEW_TRY(out->Write(job + "\n"));
      Status status = out->Commit(true);
      if (!status && status.error().code != ErrorCode::kExists) return status;
    } else if (out.error().code != ErrorCode::kExists) {
      return std::move(out).error();
    }
  }
  PTHVIEW_ASSIGN(std::string there, ReadText(job_file));
  if (there == job + "\n") return Ok();
  return Error{.code = ErrorCode::kUsage,
               .message = "the folder holds what another job wrote: its options, rules or version differ",
               .file = directory,
               .hint = fmt::format("its options stand in {}; give the same ones, or another folder", job_file)};
}

class Runner {
 public:
  Runner(const Options& options, const Rules& rules, std::vector<SourceFile> sources, Journal* journal,
         const Reporter& reporter)
      : options_(options), sources_(std::move(sources)), journal_(journal), reporter_(reporter) {
    run_ = std::make_unique<SourceRun>(SourceRun{
        options_, rules, [this](const std::string& sha256, const std::string& which, const std::string& name) {
          return IsKnown(sha256, which, name);
        }});
    staging_ = fmt::format("{}/staging{}", StateFolder(options_.output),
                           options_.shards == 0 ? "" : fmt::format("-{}", options_.shard));
  }

  Result<Summary> Run() {
    if (journal_ != nullptr) {
      std::error_code ignored;
      fs::remove_all(staging_, ignored);
      TakeUp();
    }
    for (const SourceFile& source : sources_) all_bytes_ += source.size;
    std::vector<std::thread> workers;
    const size_t count = std::min(std::max<size_t>(Cores(), 1), std::max<size_t>(todo_.size(), 1));
    workers.reserve(count);
    for (size_t i = 0; i < count; ++i) workers.emplace_back([this] { Work(); });
    Collect();
    for (std::thread& worker : workers) worker.join();
    if (journal_ != nullptr) {
      std::error_code ignored;
      fs::remove_all(staging_, ignored);
    }
    PTHVIEW_TRY(failure_);
    summary_.interrupted = next_ < todo_.size();
    return summary_;
  }

 private:
  // What the journal says is done stays, where it is still there and its source has not changed.
  void TakeUp() {
    todo_.reserve(sources_.size());
    for (size_t i = 0; i < sources_.size(); ++i) {
      auto at = journal_->entries().find(sources_[i].name);
      if (at == journal_->entries().end() || !Stands(sources_[i], at->second)) {
        todo_.push_back(i);
        continue;
      }
      Remember(at->second);
      summary_.Add(at->second);
      ++summary_.resumed;
      ++done_;
      done_bytes_ += sources_[i].size;
    }
  }

  bool Stands(const SourceFile& source, const Entry& entry) const {
    if (entry.state == "failed" || entry.source != source.shown) return false;
    if (entry.modified != source.modified || (entry.state != "other" && entry.bytes != source.size)) return false;
    if (entry.state == "same") {
      auto first = journal_->entries().find(entry.same_as);
      if (first == journal_->entries().end() || first->second.state != "done") return false;
    }
    return std::ranges::all_of(entry.outputs, [&](const OutputRecord& output) {
      struct stat status;
      return ::stat((options_.output + "/" + output.path).c_str(), &status) == 0 &&
             static_cast<uint64_t>(status.st_size) == output.bytes;
    });
  }

  bool IsKnown(const std::string& sha256, const std::string& rules, const std::string& name) {
    if (options_.dedup != Dedup::kFiles) return false;
    std::lock_guard lock(mutex_);
    auto first = first_of_.find(sha256 + " " + rules);
    return first != first_of_.end() && first->second < name;
  }

  void Remember(const Entry& entry) {
    if (entry.state != "done") return;
    auto [first, is_new] = first_of_.try_emplace(entry.sha256 + " " + entry.rules, entry.name);
    if (!is_new) first->second = std::min(first->second, entry.name);
  }

  void Work() {
    for (;;) {
      size_t turn = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || next_ >= todo_.size() || next_ < collected_ + kMostAhead; });
        if (stop_ || StopRequested() || next_ >= todo_.size()) {
          ++idle_;
          changed_.notify_all();
          return;
        }
        turn = next_++;
      }
      const SourceFile& source = sources_[todo_[turn]];
      Outcome outcome = run_->Run(source, fmt::format("{}/{}", staging_, turn));
      std::lock_guard lock(mutex_);
      ready_.emplace(turn, std::move(outcome));
      changed_.notify_all();
    }
  }

  // Takes outcomes in the order of sources, and puts them in place in batches.
  void Collect() {
    const size_t workers = std::min(std::max<size_t>(Cores(), 1), std::max<size_t>(todo_.size(), 1));
    std::vector<Outcome> batch;
    uint64_t bytes = 0;
    auto begun = Clock::now();
    for (bool last = false; !last;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(100),
                          [&] { return ready_.contains(collected_) || idle_ == workers; });
        for (auto at = ready_.find(collected_); at != ready_.end(); at = ready_.find(collected_)) {
          if (batch.empty()) begun = Clock::now();
          Settle(at->second);
          bytes += at->second.staged_bytes;
          batch.push_back(std::move(at->second));
          ready_.erase(at);
          ++collected_;
          if (batch.size() >= kBatchSources || bytes >= kBatchBytes) break;
        }
        last = idle_ == workers && !ready_.contains(collected_);
      }
      changed_.notify_all();
      const bool full = batch.size() >= kBatchSources || bytes >= kBatchBytes;
      if (batch.empty() || (!full && !last && Clock::now() - begun < kBatchTime)) continue;
      if (Status status = Place(batch); !status) {
        std::lock_guard lock(mutex_);
        failure_ = std::move(status).error();
        stop_ = true;
        changed_.notify_all();
        return;
      }
      batch.clear();
      bytes = 0;
    }
  }

  // Whether it equals an earlier source is decided here, in order, so that it does not depend on threads. With the
  // lock held.
  void Settle(Outcome& outcome) {
    Entry& entry = outcome.entry;
    if (options_.dedup != Dedup::kFiles || (entry.state != "done" && entry.state != "same")) return;
    auto [first, is_new] = first_of_.try_emplace(entry.sha256 + " " + entry.rules, entry.name);
    if (!is_new && first->second >= entry.name) first->second = entry.name;  // what equals it is folded at the end
    if (first->second == entry.name) return;
    BecomeSame(entry, first->second);
    outcome.staged.clear();
    outcome.staged_bytes = 0;
    outcome.row = RowOfSame(entry);
  }

  Status Place(std::vector<Outcome>& batch) {
    if (journal_ != nullptr) {
      std::vector<std::string> paths;  // those of the store are called by what is in them: nobody's, or everybody's
      for (const Outcome& outcome : batch) {
        for (const OutputRecord& output : outcome.entry.outputs) paths.push_back(output.path);
      }
      if (!paths.empty()) PTHVIEW_TRY(journal_->Announce(paths));
      if (std::ranges::any_of(batch, [](const Outcome& o) { return !o.staged.empty(); })) {
        PTHVIEW_TRY(SyncAll(options_.output));
      }
      std::vector<std::pair<Entry, std::string>> lines;
      for (Outcome& outcome : batch) {
        for (const Staged& staged : outcome.staged) PTHVIEW_TRY(MoveIn(staged));
        std::error_code ignored;
        if (!outcome.folder.empty()) fs::remove_all(outcome.folder, ignored);
        lines.emplace_back(outcome.entry, std::move(outcome.row));
      }
      PTHVIEW_TRY(journal_->Append(lines));
    }
    for (const Outcome& outcome : batch) {
      summary_.Add(outcome.entry);
      if (journal_ == nullptr) summary_.output_bytes += outcome.staged_bytes;
      ++done_;
      done_bytes_ += outcome.entry.bytes;
      if (reporter_.entry) reporter_.entry(outcome.entry, done_, sources_.size(), done_bytes_, all_bytes_);
    }
    return Ok();
  }

  Status MoveIn(const Staged& staged) {
    const std::string to = options_.output + "/" + staged.final_path;
    const std::string folder = to.substr(0, to.rfind('/'));
    if (folders_.insert(folder).second) {
      std::error_code error;
      fs::create_directories(folder, error);
      if (error) return Error{ErrorCode::kIo, "cannot create a folder: " + error.message(), folder};
    }
    if (::rename(staged.path.c_str(), to.c_str()) != 0) return IoError(to, "cannot rename onto", errno);
    return Ok();
  }

  const Options& options_;
  std::vector<SourceFile> sources_;
  Journal* journal_;  // null: nothing is written
  const Reporter& reporter_;
  std::unique_ptr<SourceRun> run_;
  std::string staging_;
  std::vector<size_t> todo_;

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0;       // of todo_: to be begun
  size_t collected_ = 0;  // of todo_: taken into a batch
  size_t idle_ = 0;       // workers that have ended
  bool stop_ = false;
  std::map<size_t, Outcome> ready_;
  std::unordered_map<std::string, std::string> first_of_;  // SHA-256 and rules: the first source's name

  std::set<std::string> folders_;
  Summary summary_;
  uint64_t done_ = 0;
  uint64_t done_bytes_ = 0;
  uint64_t all_bytes_ = 0;
  Status failure_;

 public:
  void All() {
    for (size_t i = 0; i < sources_.size(); ++i) todo_.push_back(i);
  }
};

// Of equal files the first by name keeps its outputs, and the others refer to it: shards know their own only, and a
// source that could not be read at first may come before what equals it. Gives the outputs that are no longer needed.
std::set<std::string> FoldDuplicates(std::map<std::string, Entry>& entries) {
  std::set<std::string> gone;
  std::map<std::string, std::string> first_of;
  for (auto& [name, entry] : entries) {
    if (entry.state != "done" && entry.state != "same") continue;
    auto [first, is_new] = first_of.try_emplace(entry.sha256 + " " + entry.rules, name);
    if (is_new) continue;
    for (const OutputRecord& output : entry.outputs) gone.insert(output.path);
    BecomeSame(entry, first->second);
  }
  return gone;
}

// Removes what stands under `paths` and no entry speaks of.
void RemoveOutputs(const std::string& directory, const std::map<std::string, Entry>& entries,
                   std::set<std::string> paths) {
  if (paths.empty()) return;
  for (const auto& [name, entry] : entries) {
    for (const OutputRecord& output : entry.outputs) paths.erase(output.path);
  }
  for (const std::string& path : paths) ::unlink((fs::path(directory) / path).c_str());
}

Summary Total(const std::map<std::string, Entry>& entries) {
  Summary summary;
  for (const auto& [name, entry] : entries) summary.Add(entry);
  return summary;
}

}  // namespace

void Summary::Add(const Entry& entry) {
  ++sources;
  source_bytes += entry.bytes;
  ++states[entry.state];
  if (!entry.format.empty() && entry.state == "done") ++formats[entry.format];
  if (!entry.verdict.empty()) ++verdicts[entry.verdict];
  if (entry.state == "same") saved_bytes += entry.bytes;
  if (entry.state == "done") {
    dropped += entry.dropped;
    changed += entry.changed;
    described += entry.described;
  }
  for (const OutputRecord& output : entry.outputs) output_bytes += output.bytes;
}

std::atomic<bool>& StopRequested() {
  static std::atomic<bool> requested{false};
  return requested;
}

Result<Summary> Run(const Options& options, const Reporter& reporter) {
  std::string rules_text;
  if (!options.rules.empty()) {
    PTHVIEW_ASSIGN(rules_text, ReadText(options.rules));
  }
  PTHVIEW_ASSIGN(Rules rules, Rules::Parse(rules_text, options.rules));
  const std::string job = JobOf(options, rules_text);
  PTHVIEW_TRY(PrepareFolder(options.output, job, options.dry_run));
  PTHVIEW_ASSIGN(std::vector<SourceFile> sources, FindSources(options));
  if (options.shards > 1) {
    std::erase_if(sources, [&](const SourceFile& s) { return !InShard(s, options.shard, options.shards); });
  }
  if (options.dry_run) {
    Runner runner(options, rules, std::move(sources), nullptr, reporter);
    runner.All();
    return runner.Run();
  }
  const std::string state = StateFolder(options.output);
  PTHVIEW_ASSIGN(Lock whole, Lock::Take(state + "/lock", options.shards > 0, options.output));
  std::optional<Lock> own;
  if (options.shards > 0) {
    auto lock =
        Lock::Take(fmt::format("{}/lock-{}-of-{}", state, options.shard, options.shards), false, options.output);
    if (!lock) return std::move(lock).error();
    own.emplace(std::move(*lock));
  }
  PTHVIEW_ASSIGN(Journal journal, Journal::Open(JournalPath(options.output, options.shard, options.shards)));
  Runner runner(options, rules, std::move(sources), &journal, reporter);
  PTHVIEW_ASSIGN(Summary summary, runner.Run());
  PTHVIEW_TRY(SyncAll(options.output));
  if (summary.interrupted || options.shards > 0) return summary;
  std::map<std::string, Entry> entries = journal.TakeEntries();
  std::set<std::string> gone;
  if (options.dedup == Dedup::kFiles) gone = FoldDuplicates(entries);
  gone.insert(journal.stray().begin(), journal.stray().end());
  Summary all = Total(entries);
  PTHVIEW_TRY(WriteEnd(
      options.output, job, entries,
      [&](const Entry& entry) -> Result<std::string> {
        return entry.state == "same" ? RowOfSame(entry) : journal.Row(entry.name);
      },
      all, options.bagit));
  RemoveOutputs(options.output, entries, std::move(gone));
  all.resumed = summary.resumed;
  return all;
}

Result<Summary> Merge(const std::string& directory, bool bagit) {
  const std::string state = StateFolder(directory);
  auto job_text = ReadText(state + "/job.json");
  if (!job_text) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "no run of pthview normalize wrote there",
                 .file = directory,
                 .hint = "give the folder that the shards wrote to"};
  }
  std::string job = std::move(*job_text);
  if (job.ends_with('\n')) job.pop_back();
  PTHVIEW_ASSIGN(Lock whole, Lock::Take(state + "/lock", false, directory));
  std::vector<std::string> paths;
  std::error_code error;
  std::set<std::string> counts;
  for (fs::directory_iterator at(state, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with("journal-") || !name.ends_with(".jsonl")) continue;
    paths.push_back(at->path().string());
    counts.insert(name.substr(name.find("-of-") + 4));
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) return Error{ErrorCode::kNotFound, "there are no journals of shards", directory};
  if (counts.size() > 1) {
    return Error{ErrorCode::kUsage, "there are journals of several divisions into shards", directory};
  }
  if (paths.size() != std::stoul(*counts.begin())) {
    return Error{.code = ErrorCode::kNotFound,
                 .message = fmt::format("only {} of {} shards have run", paths.size(), std::stoul(*counts.begin())),
                 .file = directory,
                 .hint = "run the others first"};
  }
  std::vector<Journal> journals;
  std::map<std::string, Entry> entries;
  std::map<std::string, size_t> journal_of;
  for (const std::string& path : paths) {
    PTHVIEW_ASSIGN(Journal journal, Journal::Open(path));
    for (auto& [name, entry] : journal.TakeEntries()) {
      journal_of[name] = journals.size();
      entries[name] = std::move(entry);
    }
    journals.push_back(std::move(journal));
  }
  std::set<std::string> gone;
  if (job.find("\"dedup\":\"files\"") != std::string::npos) gone = FoldDuplicates(entries);
  for (const Journal& journal : journals) gone.insert(journal.stray().begin(), journal.stray().end());
  Summary summary = Total(entries);
  PTHVIEW_TRY(WriteEnd(
      directory, job, entries,
      [&](const Entry& entry) -> Result<std::string> {
        if (entry.state == "same") return RowOfSame(entry);
        return journals[journal_of[entry.name]].Row(entry.name);
      },
      summary, bagit));
  RemoveOutputs(directory, entries, std::move(gone));
  return summary;
}

}  // namespace pthview::archive
