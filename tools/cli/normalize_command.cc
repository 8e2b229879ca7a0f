// pthview normalize: whole archives of checkpoints. The engine is tools/archive.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "converters/converter.h"
#include "lib/analysis/names/suggest.h"
#include "lib/base/escape.h"
#include "lib/base/output_file.h"
#include "lib/base/progress.h"
#include "tools/archive/run.h"
#include "tools/archive/verify.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

using archive::Entry;
using archive::Options;
using archive::Summary;

// The first Ctrl-C finishes what is in hand; the second ends at once. Async-signal-safe.
void OnInterrupt(int) {
  if (!archive::StopRequested().exchange(true)) {
    static constexpr char kText[] = "\npthview: finishing the files in hand; once more ends at once\n";
    if (write(STDERR_FILENO, kText, sizeof kText - 1) < 0) return;
    return;
  }
  OutputFile::RemoveTemporaries();
  _exit(kExitInterrupted);
}

Error Usage(std::string message, std::string hint) {
  return Error{.code = ErrorCode::kUsage, .message = std::move(message), .hint = std::move(hint)};
}

Status ReadTargets(const Arguments& arguments, Options& options) {
  const std::string text = arguments.Value("to");
  if (text.empty()) return Ok();
  options.to.clear();
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    std::string name = text.substr(at, comma - at);
    at = comma + 1;
    if (FindConverter(name) == nullptr) {
      return Usage(fmt::format("--to: '{}' cannot be written", name), "one or several of safetensors,pth,onnx,json");
    }
    if (std::ranges::find(options.to, name) == options.to.end()) options.to.push_back(std::move(name));
  }
  std::sort(options.to.begin(), options.to.end());
  return Ok();
}

std::optional<uint32_t> NumberOf(std::string_view text) {
  uint32_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<uint32_t> NumberFrom(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? std::nullopt : NumberOf(text);
}

Status ReadShard(const Arguments& arguments, Options& options) {
  std::string text = arguments.Value("shard");
  if (text.empty()) {
    auto id = NumberFrom("SLURM_ARRAY_TASK_ID");
    auto count = NumberFrom("SLURM_ARRAY_TASK_COUNT");
    auto least = NumberFrom("SLURM_ARRAY_TASK_MIN");
    if (!id || !count) return Ok();
    text = fmt::format("{}/{}", *id - least.value_or(0), *count);
  }
  const size_t slash = text.find('/');
  auto shard = NumberOf(text.substr(0, slash));
  auto shards = slash == std::string::npos ? std::nullopt : NumberOf(text.substr(slash + 1));
  if (!shard || !shards || *shards == 0 || *shard >= *shards) {
    return Usage(fmt::format("--shard: '{}' is no I/N with I from 0 to N - 1", text), "--shard 0/4, ..., --shard 3/4");
  }
  options.shard = *shard;
  options.shards = *shards;
  return Ok();
}

Result<Options> ReadOptions(const Arguments& arguments) {
  Options options;
  options.sources = arguments.files;
  options.output = arguments.Value("output");
  if (options.output.empty() || options.output == "-") {
    return Usage("normalize: the folder to write is missing", "`pthview normalize SRC... -o DIR`");
  }
  while (options.output.size() > 1 && options.output.ends_with('/')) options.output.pop_back();
  options.include = arguments.Values("include");
  options.exclude = arguments.Values("exclude");
  options.parts = arguments.Values("part");
  options.rules = arguments.Value("rules");
  options.strict = arguments.Flag("strict");
  options.bagit = arguments.Flag("bagit");
  options.dry_run = arguments.Flag("dry-run");
  options.quiet = arguments.Flag("quiet");
  const std::string dedup = arguments.Value("dedup", "none");
  if (dedup != "none" && dedup != "files" && dedup != "tensors") {
    return Usage(fmt::format("--dedup is files or tensors, not '{}'", dedup), "--dedup files");
  }
  options.dedup = dedup == "files"     ? archive::Dedup::kFiles
                  : dedup == "tensors" ? archive::Dedup::kTensors
                                       : archive::Dedup::kNone;
  PTHVIEW_TRY(ReadTargets(arguments, options));
  if (options.dedup == archive::Dedup::kTensors && arguments.Flag("to")) {
    return Usage("--dedup tensors writes a tensor store and JSON, and --to would do nothing",
                 "leave --to out; `pthview normalize restore` gives full files back");
  }
  PTHVIEW_TRY(ReadShard(arguments, options));
  return options;
}

std::string Duration(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

// One line that is drawn again on a terminal; one line a source elsewhere.
class Lines {
 public:
  explicit Lines(const Arguments& arguments)
      : quiet_(arguments.Flag("quiet")),
        drawn_(isatty(STDERR_FILENO) == 1 && !arguments.Flag("no-progress")),
        start_(std::chrono::steady_clock::now()) {}
  ~Lines() { Erase(); }

  void Entry(const archive::Entry& entry, uint64_t done, uint64_t all, uint64_t bytes, uint64_t all_bytes) {
    if (quiet_) return;
    std::string line = fmt::format("{}: {}", EscapeForTerminal(entry.source), entry.state);
    if (!entry.error.empty()) line += ": " + EscapeForTerminal(entry.error);
    if (!entry.same_as.empty()) line += " as " + entry.same_as;
    if (const uint64_t losses = entry.dropped + entry.changed + entry.described; losses > 0) {
      line += fmt::format(" ({} in its ledger)", losses);
    }
    if (!drawn_) {
      fmt::print(stderr, "[{}/{}] {}\n", done, all, line);
      return;
    }
    if (entry.state == "refused" || entry.state == "failed") {
      Erase();
      fmt::print(stderr, "{}\n", line);
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - drawn_at_ < std::chrono::milliseconds(100) && done < all) return;
    drawn_at_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
    std::string left =
        rate > 0 && seconds > 1 ? ", " + Duration(static_cast<double>(all_bytes - bytes) / rate) + " left" : "";
    fmt::print(stderr, "\r\x1b[K{}/{} files, {} of {}, {}/s{}", done, all, HumanBytes(bytes), HumanBytes(all_bytes),
               HumanBytes(static_cast<uint64_t>(rate)), left);
    shown_ = true;
  }

  void Erase() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
    shown_ = false;
  }

 private:
  bool quiet_;
  bool drawn_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_at_;
};

void WriteJsonSummary(JsonWriter& json, const Summary& summary) {
  json.Key("sources").Uint(summary.sources).Key("source_bytes").Uint(summary.source_bytes);
  json.Key("output_bytes").Uint(summary.output_bytes).Key("same_bytes").Uint(summary.saved_bytes);
  auto counts = [&](std::string_view key, const std::map<std::string, uint64_t>& of) {
    json.Key(key).BeginObject();
    for (const auto& [name, count] : of) json.Key(name).Uint(count);
    json.EndObject();
  };
  counts("states", summary.states);
  counts("formats", summary.formats);
  counts("verdicts", summary.verdicts);
  json.Key("ledger").BeginObject().Key("dropped").Uint(summary.dropped).Key("changed").Uint(summary.changed);
  json.Key("described").Uint(summary.described).EndObject();
  json.Key("resumed").Uint(summary.resumed).Key("interrupted").Bool(summary.interrupted);
}

void PrintSummary(const Arguments& arguments, const std::string& directory, const Summary& summary, bool dry_run) {
  Output out;
  if (arguments.Flag("json")) {
    JsonWriter json(&out.buffer());
    json.BeginObject().Key("schema").String("pthview.normalize/1").Key("directory").String(directory);
    WriteJsonSummary(json, summary);
    json.EndObject();
    out << "\n";
    return;
  }
  auto line = [&](std::string_view what, const std::string& value) { out << fmt::format("{:<12} {}\n", what, value); };
  line("sources", fmt::format("{} ({})", WithCommas(summary.sources), HumanBytes(summary.source_bytes)));
  static constexpr std::pair<std::string_view, std::string_view> kStates[] = {
      {"done", "written"}, {"same", "equal"}, {"refused", "refused"}, {"failed", "failed"}, {"other", "other files"},
  };
  for (const auto& [state, text] : kStates) {
    if (const uint64_t count = summary.State(std::string(state)); count > 0 || state == "done") {
      line(dry_run && state == "done" ? "would write" : text, WithCommas(count));
    }
  }
  line(dry_run ? "would take" : "outputs", HumanBytes(summary.output_bytes));
  for (std::string_view verdict : {"dangerous", "tricks"}) {
    auto at = summary.verdicts.find(std::string(verdict));
    if (at != summary.verdicts.end()) line(verdict, WithCommas(at->second));
  }
  if (!dry_run) {
    line("ledger", fmt::format("{} dropped, {} changed, {} described", WithCommas(summary.dropped),
                               WithCommas(summary.changed), WithCommas(summary.described)));
  }
}

int ExitCodeOf(const Summary& summary) {
  if (summary.interrupted) return kExitInterrupted;
  return summary.State("refused") + summary.State("failed") > 0 ? kExitNo : kExitOk;
}

int Fail(const Error& error) {
  PrintError(error);
  return kExitError;
}

int RunVerify(const Arguments& arguments) {
  if (arguments.files.size() != 2) return Fail(Usage("verify takes one folder", "`pthview normalize verify DIR`"));
  auto report = archive::Verify(arguments.files[1]);
  if (!report) return Fail(report.error());
  Output out;
  if (arguments.Flag("json")) {
    JsonWriter json(&out.buffer());
    json.BeginObject().Key("schema").String("pthview.normalize-verify/1").Key("sources").Uint(report->sources);
    json.Key("outputs").Uint(report->outputs).Key("tensors").Uint(report->tensors);
    json.Key("sources_read").Uint(report->sources_read).Key("sources_gone").Uint(report->sources_gone);
    json.Key("problems").BeginArray();
    for (const std::string& problem : report->problems) json.String(problem);
    json.EndArray().EndObject();
    out << "\n";
  } else {
    for (const std::string& problem : report->problems) out << EscapeForTerminal(problem) << "\n";
    out << fmt::format(
        "{} sources, {} outputs and {} tensors compared; {} sources read again, {} gone: {}\n",
        WithCommas(report->sources), WithCommas(report->outputs), WithCommas(report->tensors),
        WithCommas(report->sources_read), WithCommas(report->sources_gone),
        report->problems.empty() ? "all as it was written" : fmt::format("{} problems", report->problems.size()));
  }
  return report->problems.empty() ? kExitOk : kExitNo;
}

int RunRestore(const Arguments& arguments) {
  if (arguments.files.size() != 3 || arguments.Value("output").empty()) {
    return Fail(Usage("restore takes a folder, a source and -o", "`pthview normalize restore DIR NAME -o OUT.pth`"));
  }
  auto notes =
      archive::Restore(arguments.files[1], arguments.files[2], arguments.Value("output"), arguments.Flag("force"));
  if (!notes) return Fail(notes.error());
  for (const std::string& note : *notes) PrintNote(arguments, note);
  PrintNote(arguments, fmt::format("wrote {}", arguments.Value("output")));
  return kExitOk;
}

int RunMerge(const Arguments& arguments) {
  if (arguments.files.size() != 2) return Fail(Usage("merge takes one folder", "`pthview normalize merge DIR`"));
  auto summary = archive::Merge(arguments.files[1], arguments.Flag("bagit"));
  if (!summary) return Fail(summary.error());
  PrintSummary(arguments, arguments.files[1], *summary, false);
  return ExitCodeOf(*summary);
}

}  // namespace

int RunNormalize(const Arguments& arguments) {
  const std::string& first = arguments.files[0];
  if (arguments.Value("output").empty() || first == "restore") {
    if (first == "verify") return RunVerify(arguments);
    if (first == "restore") return RunRestore(arguments);
    if (first == "merge") return RunMerge(arguments);
  }
  auto options = ReadOptions(arguments);
  if (!options) return Fail(options.error());
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  Progress::Show(false);
  Lines lines(arguments);
  archive::Reporter reporter;
  reporter.entry = [&](const Entry& entry, uint64_t done, uint64_t all, uint64_t bytes, uint64_t all_bytes) {
    lines.Entry(entry, done, all, bytes, all_bytes);
  };
  auto summary = archive::Run(*options, reporter);
  lines.Erase();
  if (!summary) return Fail(summary.error());
  PrintSummary(arguments, options->output, *summary, options->dry_run);
  if (summary->interrupted) {
    PrintNote(arguments, "interrupted: the same command goes on where it stopped");
  } else if (options->shards > 0) {
    PrintNote(arguments, fmt::format("when all {} shards have ended: `pthview normalize merge {}`", options->shards,
                                     ShellWord(options->output)));
  }
  return ExitCodeOf(*summary);
}

}  // namespace pthview
