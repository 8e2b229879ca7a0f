#include "tools/archive/source_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "converters/common/output_paths.h"
#include "converters/converter.h"
#include "lib/analysis/names/glob.h"
#include "lib/analysis/scan/scan.h"
#include "lib/base/json.h"
#include "lib/base/read_failures.h"
#include "lib/base/sha256.h"
#include "lib/base/threads.h"
#include "lib/formats/annotations.h"
#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"
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

class Hashes : public OutputObserver {
 public:
  void Begin(const std::string& path) override { files_.push_back({path, std::make_unique<Sha256>(), 0}); }
  void Bytes(std::span<const std::byte> bytes) override {
    files_.back().hash->Update(bytes);
    files_.back().bytes += bytes.size();
  }
  struct File {
    std::string path;
    std::unique_ptr<Sha256> hash;
    uint64_t bytes = 0;
  };
  std::vector<File>& files() { return files_; }

 private:
  std::vector<File> files_;
};

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

  // Views may each show all of a large storage: past a multiple of the file they are not hashed.
  Status HashTensors(const Model& model, std::span<const Index> selected) {
    tensor_hashes.assign(model.tensors.size(), {});
    uint64_t stored = uint64_t{64} << 20;
    for (const Storage& storage : model.storages) stored += std::min(storage.nbytes, UINT64_MAX / 1024 / 1024);
    uint64_t budget = stored * 16;
    std::map<std::tuple<Index, int64_t, std::vector<int64_t>, std::vector<int64_t>, DType, bool, bool>, std::string>
        known;
    for (Index row : selected) {
      const Tensor& tensor = model.tensors[row];
      if (tensor.layout != Layout::kDense || tensor.data != DataState::kPresent) continue;
      auto [at, is_new] = known.try_emplace({tensor.storage,
                                             tensor.offset,
                                             {tensor.shape.begin(), tensor.shape.end()},
                                             {tensor.strides.begin(), tensor.strides.end()},
                                             tensor.dtype,
                                             tensor.conj,
                                             tensor.neg});
      if (is_new) {
        if (tensor.nbytes() > budget) {
          ledger.emplace_back("", Loss{Loss::kDescribed, "not-hashed", std::string(tensor.path),
                                       "it shows the same values too often to be hashed"});
          continue;
        }
        budget -= tensor.nbytes();
        PTHVIEW_ASSIGN(at->second, HashTensor(model, tensor));
      }
      tensor_hashes[row] = at->second;
    }
    return Ok();
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
    if (report->placed) placed = std::move(report->placed);
    return Ok();
  }
  std::optional<PlacedWeights> placed;

  bool To(std::string_view format) const { return std::ranges::find(options().to, format) != options().to.end(); }

  Status Write(Model& model, std::span<const Index> selected) {
    Hashes hashes;
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
    for (Hashes::File& file : hashes.files()) {
      OutputRecord output{FinalFolder() + "/" + BaseName(file.path), file.bytes, file.hash->Finish()};
      out.staged.push_back({file.path, output.path});
      out.staged_bytes += output.bytes;
      out.entry.outputs.push_back(std::move(output));
    }
    return Ok();
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
    const bool large = source.size >= kLarge;
    std::optional<Result<FileHash>> hash;
    auto hash_source = [&] { hash.emplace(HashFile(source.path)); };
    const std::vector<size_t> rules = run.rules.For(source.name);
    for (size_t i : rules) entry.rules += fmt::format("{}{}", entry.rules.empty() ? "" : ",", i);
    const bool known_first = !large || options().dedup == Dedup::kFiles;
    if (known_first) {
      hash_source();
      if (!*hash) return std::move(*hash).error();
      entry.sha256 = (*hash)->sha256;
      entry.bytes = (*hash)->bytes;
      if (run.is_known(entry.sha256, entry.rules, entry.name)) {
        entry.state = "same";
        return Ok();
      }
    }
    if (auto report = Scan(source.path)) {
      entry.verdict = VerdictName(VerdictOf(*report));
      scan = std::move(*report);
    }
    auto model = OpenModel(source.path, {.content = true});
    if (!model) {
      if (ReadFailuresOf(source.path) != failures_before) {
        return Error{ErrorCode::kIo, "the disk could not read all of it", source.path};
      }
      if (!known_first) {
        hash_source();
        if (*hash) entry.sha256 = (*hash)->sha256, entry.bytes = (*hash)->bytes;
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
    Status written;
    Status hashed;
    auto write = [&] { written = Write(*model, selected); };
    auto hash_tensors = [&] { hashed = HashTensors(*model, selected); };
    const bool store = options().dedup == Dedup::kTensors;
    if (large && !store) {
      InParallel(write, [&] {
        if (!known_first) hash_source();
        hash_tensors();
      });
    } else {
      hash_tensors();
      if (!hash) hash_source();
      if (hashed) write();
    }
    if (!*hash) return std::move(*hash).error();
    entry.sha256 = (*hash)->sha256;
    entry.bytes = (*hash)->bytes;
    PTHVIEW_TRY(hashed);
    PTHVIEW_TRY(written);
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
  if (Status status = work.Run(); !status) work.MakeRefusal(status.error());
  return std::move(work.out);
}

}  // namespace pthview::archive
