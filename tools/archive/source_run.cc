#include "tools/archive/source_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "converters/common/left_behind.h"
#include "converters/common/output_paths.h"
#include "converters/converter.h"
#include "lib/analysis/names/glob.h"
#include "lib/analysis/scan/scan.h"
#include "lib/base/held_source.h"
#include "lib/base/json.h"
#include "lib/base/progress.h"
#include "lib/base/read_failures.h"
#include "lib/base/sha256.h"
#include "lib/base/sha256_pair.h"
#include "lib/base/threads.h"
#include "lib/formats/annotations.h"
#include "lib/formats/format.h"
#include "lib/model/storage_view.h"
#include "lib/model/tensor_data.h"
#include "tools/archive/output_hashes.h"
#include "tools/archive/tensor_store.h"

namespace pthview::archive {
namespace {

constexpr uint64_t kLarge = uint64_t{32} << 20;  // from here on one source keeps both cores busy
constexpr size_t kReadBlock = size_t{1} << 20;

// What is said about a source but keeps every value: --strict lets it pass.
bool KeepsAll(std::string_view code) {
  return code == "not-contiguous" || code == "lazy-view" || code == "tied" || code == "device" ||
         code == "numpy-scalar";
}

// Whether an error is about this moment, and a later run may do better.
bool MayPass(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kChanged || code == ErrorCode::kInterrupted ||
         code == ErrorCode::kNotFound || code == ErrorCode::kInternal || code == ErrorCode::kExists;
}

// Memory for a small source, used again for the next one of this thread: fresh pages cost more than reading does.
std::span<std::byte> BufferOf(uint64_t size) {
  static thread_local std::unique_ptr<std::byte[]> buffer;
  static thread_local uint64_t capacity = 0;
  if (size > capacity) {
    capacity = std::max(size, std::min(2 * capacity, kLarge));
    buffer.reset(new std::byte[capacity]);  // not filled
  }
  return {buffer.get(), size};
}

// Files that hold all of a checkpoint themselves, and can be read from memory: no neighbours count.
bool StandsAlone(std::span<const std::byte> bytes) {
  constexpr std::string_view kBegins[] = {"PK\x03\x04",
                                          "\x80\x02\x8a\n"};  // a zip; the pickle of legacy files' magic number
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 4));
  return std::ranges::find(kBegins, text) != std::end(kBegins);
}

struct Work {
  const SourceRun& run;
  const SourceFile& source;
  const std::string& folder;
  Outcome out;
  std::vector<Loss> losses;
  std::vector<std::pair<std::string, Loss>> ledger;  // by output format; "": of all
  std::vector<Applied> applied;
  std::vector<std::string> tensor_hashes;  // by row; empty: none
  std::optional<ScanReport> scan;
  std::string format_text;
  std::string producer;

  const Options& options() const { return run.options; }

  // ---- selection ----

  bool Wanted(const Model& model, const Tensor& tensor, const std::vector<std::string>& parts) const {
    if (parts.empty()) return true;
    const Part* part = tensor.part == kNone ? nullptr : &model.parts[tensor.part];
    return std::ranges::any_of(parts, [&](const std::string& wanted) {
      if (part != nullptr && (PartKindName(part->kind) == wanted || part->path == wanted)) return true;
      return tensor.path.starts_with(wanted) &&
             (tensor.path.size() == wanted.size() || tensor.path[wanted.size()] == '.' ||
              tensor.path[wanted.size()] == '[');
    });
  }

  std::vector<Index> Select(const Model& model, const std::vector<size_t>& rules) {
    std::vector<Index> selected;
    for (Index row = 0; row < model.tensors.size(); ++row) {
      const Tensor& tensor = model.tensors[row];
      bool wanted = Wanted(model, tensor, options().parts);
      for (size_t i : rules) {
        const Rule& rule = run.rules.rule(i);
        auto fits = [&](const std::string& glob) {
          return GlobMatches(glob, tensor.name) || GlobMatches(glob, tensor.path);
        };
        wanted = wanted && Wanted(model, tensor, rule.parts) &&
                 (rule.include.empty() || std::ranges::any_of(rule.include, fits)) &&
                 std::ranges::none_of(rule.exclude, fits);
      }
      if (wanted) {
        selected.push_back(row);
      } else {
        ledger.emplace_back(
            "", Loss{Loss::kDropped, "not-selected", std::string(tensor.path), "left out by --part or a rule"});
      }
    }
    return selected;
  }

  // ---- hashes ----

  // A view of values, of which several tensors may be one.
  struct Values {
    Index row;                         // of the first of them: converters may move the tables while they write
    std::optional<ByteRange> in_file;  // it stands in the source as it is
    std::string sha256;
  };
  std::vector<Values> values;
  std::vector<size_t> values_of;     // by row, plus 1
  std::span<const std::byte> whole;  // a small source; of a large one, nothing

  // Views may each show all of a large storage: past a multiple of the file they are not hashed.
  void ListValues(const Model& model, std::span<const Index> selected) {
    values_of.assign(model.tensors.size(), 0);
    uint64_t stored = uint64_t{64} << 20;
    for (const Storage& storage : model.storages) stored += std::min(storage.nbytes, UINT64_MAX / 1024 / 1024);
    uint64_t budget = stored * 16;
    std::map<StorageView, size_t> known;
    for (Index row : selected) {
      const Tensor& tensor = model.tensors[row];
      if (tensor.layout != Layout::kDense || tensor.data != DataState::kPresent) continue;
      auto [at, is_new] = known.try_emplace(ViewOf(tensor), values.size() + 1);
      if (is_new) {
        if (tensor.nbytes() > budget) {
          known.erase(at);
          ledger.emplace_back("", Loss{Loss::kDescribed, "not-hashed", std::string(tensor.path),
                                       "it shows the same values too often to be hashed"});
          continue;
        }
        budget -= tensor.nbytes();
        auto range = ContiguousRange(model, tensor);
        const bool of_file = range && range->source != kNone && model.sources[range->source]->descriptor() >= 0 &&
                             model.sources[range->source]->name() == source.path;
        values.push_back({row, of_file ? range : std::nullopt, {}});
      }
      values_of[row] = at->second;
    }
  }

  // What stands elsewhere than in the source: gathered, unpacked, converted.
  Status HashOthers(const Model& model) {
    for (Values& view : values) {
      if (!view.sha256.empty()) continue;
      PTHVIEW_ASSIGN(view.sha256, HashTensor(model, model.tensors[view.row]));
    }
    return Ok();
  }

  // The source and its tensors, and what else is in `jobs`, two at a time.
  void HashWhole(std::vector<HashJob>& jobs) {
    jobs.push_back({.pieces = {whole}});
    std::vector<size_t> of;
    for (size_t i = 0; i < values.size(); ++i) {
      const auto& range = values[i].in_file;
      if (!values[i].sha256.empty() || !range || range->offset > whole.size() ||
          range->nbytes > whole.size() - range->offset) {
        continue;
      }
      of.push_back(i);
      jobs.push_back({.pieces = {std::span(whole).subspan(range->offset, range->nbytes)}});
    }
    const size_t first = jobs.size() - of.size();
    HashAll(jobs);
    out.entry.sha256 = jobs[first - 1].sha256;
    out.entry.bytes = whole.size();
    for (size_t i = 0; i < of.size(); ++i) values[of[i]].sha256 = jobs[first + i].sha256;
  }

  // A large source: read once, and each block hashed for it and for the tensor that stands there.
  Status HashLarge() {
    std::vector<Values*> inside;
    for (Values& view : values) {
      if (view.in_file && view.in_file->nbytes > 0) inside.push_back(&view);
    }
    std::stable_sort(inside.begin(), inside.end(),
                     [](const Values* a, const Values* b) { return a->in_file->offset < b->in_file->offset; });
    PTHVIEW_ASSIGN(auto file, OpenFile(source.path));
    Sha256Stream of_file;
    Sha256Stream of_tensor;
    std::vector<std::byte> block;
    size_t next = 0;
    uint64_t done = 0;
    while (done < file->size()) {
      if (Progress::Interrupted()) return Error{ErrorCode::kInterrupted, "interrupted"};
      block.resize(static_cast<size_t>(std::min<uint64_t>(kReadBlock, file->size() - done)));
      PTHVIEW_TRY(file->ReadAt(done, block));
      for (std::span<const std::byte> rest = block; !rest.empty();) {
        const uint64_t at = done + block.size() - rest.size();
        // Views that overlap the one before are hashed later, on their own.
        while (next < inside.size() && inside[next]->sha256.empty() && inside[next]->in_file->offset < at &&
               inside[next] != current_) {
          ++next;
        }
        const ByteRange* range = next < inside.size() ? &*inside[next]->in_file : nullptr;
        if (range == nullptr || at < range->offset) {
          const uint64_t until = range == nullptr ? rest.size() : std::min<uint64_t>(rest.size(), range->offset - at);
          of_file.Update(rest.first(until));
          rest = rest.subspan(until);
          continue;
        }
        if (current_ != inside[next]) {
          current_ = inside[next];
          of_tensor = Sha256Stream();
        }
        const uint64_t size = std::min<uint64_t>(rest.size(), range->offset + range->nbytes - at);
        Sha256Stream::UpdateBoth(of_file, rest.first(size), of_tensor, rest.first(size));
        rest = rest.subspan(size);
        if (at + size == range->offset + range->nbytes) {
          current_->sha256 = of_tensor.Finish();
          current_ = nullptr;
          ++next;
        }
      }
      done += block.size();
    }
    out.entry.sha256 = of_file.Finish();
    out.entry.bytes = done;
    return Ok();
  }
  Values* current_ = nullptr;

  void SpreadHashes() {
    tensor_hashes.assign(values_of.size(), {});
    for (size_t row = 0; row < values_of.size(); ++row) {
      if (values_of[row] != 0) tensor_hashes[row] = values[values_of[row] - 1].sha256;
    }
  }

  // ---- outputs ----

  struct Target {
    const Converter* converter;
    std::string name;  // of the file, without folders
  };

  std::string Base() const { return source.name.substr(source.name.rfind('/') + 1); }
  std::string FinalFolder() const {
    const size_t slash = source.name.rfind('/');
    return slash == std::string::npos ? "data" : "data/" + source.name.substr(0, slash);
  }

  Status WriteOne(Model& model, std::span<const Index> selected, std::string_view format, ConvertOptions& convert) {
    const Converter* converter = FindConverter(format);
    std::vector<Index> chosen(selected.begin(), selected.end());
    if (!converter->takes_all) {
      std::erase_if(chosen, [&](Index row) {
        const Tensor& tensor = model.tensors[row];
        const bool of_model = tensor.part != kNone && model.parts[tensor.part].kind == PartKind::kModel;
        if (!of_model) {
          ledger.emplace_back(format, Loss{Loss::kDropped, "not-of-model", std::string(tensor.path),
                                           fmt::format("{} takes the model only", format)});
        }
        return !of_model;
      });
    }
    auto report = converter->write(model, chosen, convert);
    if (!report) {
      Error error = std::move(report).error();
      error.message = fmt::format("{}: {}", format, error.message);
      return error;
    }
    for (Loss& loss : report->losses) ledger.emplace_back(format, std::move(loss));
    if (report->losses.empty() && format != "json") {
      for (std::string& note : report->notes) {
        ledger.emplace_back(format, Loss{Loss::kChanged, "note", "", std::move(note)});
      }
    }
    // Beside safetensors, JSON has all else.
    const bool alone = format == "safetensors" && !To("json");
    std::vector<Loss> left;
    if (alone) left = ValuesLeftBehind(model);
    if (alone || format == "onnx") std::ranges::move(ProgramLeftBehind(model, false), std::back_inserter(left));
    for (Loss& loss : left) {
      if (alone || loss.code == "record") ledger.emplace_back(format, std::move(loss));
    }
    if (report->placed) placed = std::move(report->placed);
    return Ok();
  }
  std::optional<PlacedWeights> placed;

  bool To(std::string_view format) const { return std::ranges::find(options().to, format) != options().to.end(); }

  Status Write(Model& model, std::span<const Index> selected, OutputHashes& hashes) {
    ConvertOptions convert;
    convert.observer = &hashes;
    const bool store = options().dedup == Dedup::kTensors;
    if (store) {
      PTHVIEW_ASSIGN(placed, StageTensors(model, selected, tensor_hashes, source.name, options().output, folder,
                                          &out.staged, &out.staged_bytes));
      for (Index row : selected) {
        if (model.tensors[row].data == DataState::kPresent) continue;
        ledger.emplace_back("store", Loss{Loss::kDropped, "data", std::string(model.tensors[row].path),
                                          "it has no values in the file"});
      }
    }
    std::vector<std::pair<std::string, std::string>> targets;  // format, ending
    if (store) {
      targets = {{"json", ".json"}};
    } else {
      if (To("safetensors")) targets.emplace_back("safetensors", ".safetensors");
      if (To("json")) targets.emplace_back("json", To("safetensors") ? ".safetensors.json" : ".json");
      if (To("pth")) targets.emplace_back("pth", ".pth");
      if (To("onnx")) targets.emplace_back("onnx", ".onnx");
    }
    for (const auto& [format, ending] : targets) {
      convert.output = folder + "/" + Base() + ending;
      convert.placed = format == "json" && placed ? &*placed : nullptr;
      convert.data = To("pth") ? "describe" : "file";
      PTHVIEW_TRY(WriteOne(model, selected, format, convert));
    }
    return Ok();
  }

  // A small source is read once, and opened from memory.
  Result<Model> Open(std::unique_ptr<ByteSource> file) const {
    constexpr OpenOptions kHow{.content = true};
    if (StandsAlone(whole)) {
      auto model = OpenInside(source.path, std::make_unique<HeldSource>(std::move(file), whole), kHow, 0);
      if (model && (model->format == "torch-zip" || model->format == "torch-legacy")) return model;
    }
    return OpenModel(source.path, kHow);
  }

  void TakeOutputs(OutputHashes& hashes, std::span<const HashJob> kept) {
    size_t next = 0;
    for (OutputHashes::File& file : hashes.files()) {
      OutputRecord output{FinalFolder() + "/" + BaseName(file.path), file.bytes,
                          file.hash != nullptr ? file.hash->Finish() : kept[next++].sha256};
      out.staged.push_back({file.path, output.path});
      out.staged_bytes += output.bytes;
      out.entry.outputs.push_back(std::move(output));
    }
  }

  // A format may have taken what the disk would not give for damage.
  Status CheckRead(const Model& model) const {
    uint64_t failures = ReadFailuresOf(source.path) - failures_before;
    for (const auto& of_model : model.sources) {
      if (of_model->name() != source.path) failures += ReadFailuresOf(of_model->name());
    }
    if (failures == 0) return Ok();
    return Error{ErrorCode::kIo, "the disk could not read all of it", source.path};
  }
  uint64_t failures_before = ReadFailuresOf(source.path);

  // ---- the whole ----

  Status Run() {
    Entry& entry = out.entry;
    struct stat before;
    if (::stat(source.path.c_str(), &before) != 0) {
      return Error{ErrorCode::kIo, "it has gone since it was found", source.path};
    }
    const auto size = static_cast<uint64_t>(before.st_size);
    const bool large = size >= kLarge;
    const bool store = options().dedup == Dedup::kTensors;
    const std::vector<size_t> rules = run.rules.For(source.name);
    for (size_t i : rules) entry.rules += fmt::format("{}{}", entry.rules.empty() ? "" : ",", i);
    if (options().dedup == Dedup::kFiles) {
      PTHVIEW_ASSIGN(FileHash hash, HashFile(source.path));
      entry.sha256 = std::move(hash.sha256);
      entry.bytes = hash.bytes;
      if (run.is_known(entry.sha256, entry.rules, entry.name)) {
        entry.state = "same";
        return Ok();
      }
    }
    PTHVIEW_ASSIGN(auto file, OpenFile(source.path));
    if (file->size() != size) return Error{ErrorCode::kChanged, "the file changed while it was read", source.path};
    if (!large) {
      const std::span<std::byte> buffer = BufferOf(size);
      PTHVIEW_TRY(file->ReadAt(0, buffer));
      whole = buffer;
    }
    if (auto report = Scan(source.path)) {
      entry.verdict = VerdictName(VerdictOf(*report));
      scan = std::move(*report);
    }
    auto model = Open(std::move(file));
    if (!model) {
      if (ReadFailuresOf(source.path) != failures_before) {
        return Error{ErrorCode::kIo, "the disk could not read all of it", source.path};
      }
      if (auto hash = entry.sha256.empty() ? HashFile(source.path) : FileHash{entry.sha256, entry.bytes}) {
        entry.sha256 = hash->sha256;
        entry.bytes = hash->bytes;
      }
      return std::move(model).error();
    }
    entry.format = model->format;
    format_text = model->format_text;
    producer = model->producer;
    PTHVIEW_ASSIGN(applied, run.rules.Apply(rules, *model));
    const std::vector<Index> selected = Select(*model, rules);
    if (options().dry_run) {  // what it would take: the values, once for each format that holds them
      uint64_t values = 0;
      for (Index row : selected) values += model->tensors[row].nbytes();
      for (std::string_view format : {"safetensors", "pth", "onnx"}) out.staged_bytes += To(format) ? values : 0;
      entry.state = "done";
      return Ok();
    }
    PTHVIEW_TRY(CheckRead(*model));
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return Error{ErrorCode::kIo, "cannot create a folder: " + error.message(), folder};
    ListValues(*model, selected);
    OutputHashes hashes(whole);
    std::vector<HashJob> jobs;
    if (large && !store) {
      Status written;
      Status hashed;
      InParallel([&] { written = Write(*model, selected, hashes); }, [&] { hashed = HashLarge(); });
      PTHVIEW_TRY(hashed);
      PTHVIEW_TRY(written);
      PTHVIEW_TRY(HashOthers(*model));  // through the model's tables, which are not a converter's any more
    } else {
      if (store) {  // the store's files are called by their hashes
        if (large) PTHVIEW_TRY(HashLarge());
        if (!large) HashWhole(jobs);
        PTHVIEW_TRY(HashOthers(*model));
        SpreadHashes();
        jobs.clear();
      }
      PTHVIEW_TRY(Write(*model, selected, hashes));
      for (const OutputHashes::File& file : hashes.files()) {
        if (file.hash == nullptr) jobs.push_back({.pieces = file.pieces});
      }
      if (store) {
        HashAll(jobs);
      } else {
        HashWhole(jobs);
        PTHVIEW_TRY(HashOthers(*model));
      }
    }
    SpreadHashes();
    TakeOutputs(hashes, jobs);
    PTHVIEW_TRY(CheckRead(*model));
    struct stat after;
    if (::stat(source.path.c_str(), &after) != 0 || after.st_size != before.st_size ||
        after.st_mtim.tv_sec != before.st_mtim.tv_sec || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
      return Error{ErrorCode::kChanged, "the file changed while it was read", source.path};
    }
    for (const auto& [format, loss] : ledger) {
      ++(loss.kind == Loss::kDropped ? entry.dropped : loss.kind == Loss::kChanged ? entry.changed : entry.described);
    }
    if (options().strict) {
      for (const auto& [format, loss] : ledger) {
        if (KeepsAll(loss.code)) continue;
        return Error{ErrorCode::kUnsupported,
                     fmt::format("--strict: {}{}{}", loss.where, loss.where.empty() ? "" : ": ", loss.text),
                     source.path};
      }
    }
    entry.state = "done";
    MakeRow(*model, selected);
    return Ok();
  }

  void Head(JsonWriter& json) const {
    const Entry& entry = out.entry;
    json.BeginObject().Key("source").String(entry.source).Key("name").String(entry.name);
    json.Key("state").String(entry.state).Key("bytes").Uint(entry.bytes).Key("sha256").String(entry.sha256);
    if (!entry.format.empty()) {
      json.Key("format").String(entry.format).Key("format_text").String(format_text).Key("producer").String(producer);
    }
    if (!scan) return;
    json.Key("scan").BeginObject().Key("verdict").String(entry.verdict).Key("code").BeginArray();
    size_t listed = 0;
    for (const CodeUse& use : scan->code) {
      if (use.judgement == Judgement::kData || ++listed > 100) continue;
      json.BeginObject().Key("name").String(use.FullName()).Key("judgement").String(JudgementName(use.judgement));
      json.EndObject();
    }
    json.EndArray().EndObject();
  }

  void MakeRow(const Model& model, std::span<const Index> selected) {
    JsonWriter json(&out.row);
    Head(json);
    json.Key("outputs").BeginArray();
    for (const OutputRecord& output : out.entry.outputs) {
      json.BeginObject().Key("path").String(output.path).Key("bytes").Uint(output.bytes);
      json.Key("sha256").String(output.sha256).EndObject();
    }
    json.EndArray().Key("rules").BeginArray();
    for (const Applied& rule : applied) {
      json.BeginObject().Key("rule").Uint(rule.rule).Key("what").String(rule.what).Key("tensors").Uint(rule.tensors);
      json.EndObject();
    }
    json.EndArray().Key("tensors").BeginArray();
    for (Index row : selected) {
      const Tensor& tensor = model.tensors[row];
      json.BeginObject().Key("path").String(tensor.path).Key("dtype").String(DTypeName(tensor.dtype));
      json.Key("shape").BeginArray();
      for (int64_t size : tensor.shape) json.Int(size);
      json.EndArray();
      if (!tensor_hashes[row].empty()) json.Key("sha256").String(tensor_hashes[row]);
      json.EndObject();
    }
    json.EndArray().Key("ledger").BeginArray();
    for (const auto& [format, loss] : ledger) {
      json.BeginObject();
      if (!format.empty()) json.Key("output").String(format);
      json.Key("kind").String(LossKindName(loss.kind)).Key("code").String(loss.code);
      if (!loss.where.empty()) json.Key("where").String(loss.where);
      json.Key("text").String(loss.text).EndObject();
    }
    json.EndArray().Key("findings").BeginArray();
    for (const Finding& finding : model.findings) {
      json.BeginObject().Key("severity").String(SeverityName(finding.severity)).Key("code").String(finding.code);
      json.Key("where").String(finding.where).Key("text").String(finding.text).EndObject();
    }
    json.EndArray().EndObject();
  }

  void MakeRefusal(const Error& error) {
    Entry& entry = out.entry;
    const bool other = error.code == ErrorCode::kUnrecognized && !source.given;
    entry.state = other ? "other" : MayPass(error.code) ? "failed" : "refused";
    Error shown = error;
    shown.file.clear();  // the row says which
    entry.error = ToString(shown);
    entry.outputs.clear();
    out.staged.clear();
    out.staged_bytes = 0;
    JsonWriter json(&out.row);
    Head(json);
    json.Key("error").BeginObject().Key("code").String(ErrorCodeName(error.code)).Key("text").String(entry.error);
    if (!error.hint.empty()) json.Key("hint").String(error.hint);
    json.EndObject().EndObject();
  }
};

}  // namespace

Result<FileHash> HashFile(const std::string& path) {
  PTHVIEW_ASSIGN(auto file, OpenFile(path));
  if (file->descriptor() >= 0) ::posix_fadvise(file->descriptor(), 0, 0, POSIX_FADV_SEQUENTIAL);
  Sha256 hash;
  std::vector<std::byte> block(static_cast<size_t>(std::min<uint64_t>(kReadBlock, file->size())));
  for (uint64_t done = 0; done < file->size(); done += block.size()) {
    block.resize(static_cast<size_t>(std::min<uint64_t>(kReadBlock, file->size() - done)));
    PTHVIEW_TRY(file->ReadAt(done, block));
    hash.Update(block);
  }
  return FileHash{hash.Finish(), file->size()};
}

Outcome SourceRun::Run(const SourceFile& source, const std::string& folder) const {
  Work work{.run = *this, .source = source, .folder = folder};
  work.out.folder = folder;
  Entry& entry = work.out.entry;
  entry.name = source.name;
  entry.source = source.shown;
  entry.modified = source.modified;
  entry.bytes = source.size;
  // Nothing here throws but for want of memory; should it, that is one source's fault and not the run's.
  try {
    if (Status status = work.Run(); !status) work.MakeRefusal(status.error());
  } catch (const std::exception& exception) {
    work.out.row.clear();
    work.MakeRefusal(
        Error{ErrorCode::kInternal, std::string("it could not be dealt with: ") + exception.what(), source.path});
  }
  return std::move(work.out);
}

}  // namespace pthview::archive
