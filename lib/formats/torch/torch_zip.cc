// torch.save since 1.6: a zip archive of one pickle and a record for each storage.
//
//   archive/data.pkl           the object, protocol 2; storages are persistent ids ('storage', class, key, location,
//   numel) archive/data/<key>         the bytes of a storage, stored, aligned to 64 archive/version            "3\n";
//   the writer's .data/version is tried first archive/byteorder          "little" or "big", since torch 2.1; absent
//   means little
//
// Source: torch/serialization.py (_save), caffe2/serialize/inline_container.cc.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/named_source.h"
#include "lib/container/slice_source.h"
#include "lib/formats/common/folder.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/torch/producer.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/formats/torch/torch_walk.h"
#include "lib/formats/torch/zip_storages.h"
#include "lib/model/path.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

using pickle::Value;

// A pickle cannot be larger than its archive, unless it is deflated: then by no more than real pickles deflate.
uint64_t PickleLimit(const ZipRecord& record) {
  return record.method == 0 ? record.size : record.stored * 64 + (1 << 20);
}

Result<pickle::Tree> ReadPickle(const ZipArchive& zip, const ZipRecord& record) {
  PTHVIEW_ASSIGN(std::vector<std::byte> bytes, zip.Read(record, PickleLimit(record)));
  auto tree = pickle::Read(std::move(bytes), {.record = std::string(record.name)});
  if (tree || record.method == 0) return tree;
  return std::move(tree).error().Hint("the byte is counted in the inflated record");
}

std::string_view PickleRecord(const ZipArchive& zip) {
  return zip.FindInPrefix("data.pkl") != nullptr ? "data.pkl" : "";
}

// A data file of a distributed checkpoint is archives in a row, one a tensor, and the folder tells which is which.
bool IsShardBesideMetadata(const OpenContext& context) {
  return context.zip->start() > 0 && !context.folder.empty() && !IsUrl(context.folder) &&
         OpenInFolder(context.folder, ".metadata").has_value();
}

// Findings of an archive that has others in front of it, which are no news once these are read as well.
bool OfRow(const Finding& finding) {
  return finding.code == "zip-concatenated" || finding.code == "zip-prefix-bytes" ||
         finding.code == "zip-two-directories";
}

int Match(const OpenContext& context) { return context.zip != nullptr && !PickleRecord(*context.zip).empty() ? 80 : 0; }

Result<Model> Open(OpenContext context, const OpenOptions& options) {
  ModelBuilder builder(std::move(context.findings));
  const ZipArchive& zip = *context.zip;
  const bool shard = IsShardBesideMetadata(context);
  if (shard) {
    builder.Note(
        Severity::kInfo, "dcp-shard", "",
        "beside it is the .metadata of a distributed checkpoint, of which this seems to be one data file: open "
        "the folder to see whose chunks these are");
  }
  Index source = builder.AddSource(std::move(context.source));
  if (zip.start() > 0) {
    Findings findings = std::exchange(builder.findings(), {});
    const size_t count = WalkZipRow(builder, source, 0, 0);
    for (Finding& finding : std::move(findings).Take()) {
      if (count > 0 && OfRow(finding)) continue;
      builder.Note(finding.severity, finding.code, finding.where, std::move(finding.text));
    }
    if (count > 0) {
      if (!shard) NoteSeveralObjects(builder, count, "torch.save");
      builder.model().format_text = fmt::format("{} PyTorch zip archives in a row", count);
      return std::move(builder).Finish();
    }
  }
  PTHVIEW_ASSIGN(TorchPickle file,
                 LoadTorchZip(builder, source, zip, "data.pkl", "data/", 0, std::move(context.pickle)));
  std::string version = RecordText(zip, ".data/version");
  if (version.empty()) version = RecordText(zip, "version");
  const bool in_folder = !zip.prefix().empty();
  const Producer producer(zip);
  context.zip.reset();  // a fifth of the memory that the walk would otherwise come on top of
  WalkTorchPickle(file, MakeNestedReader(builder), builder, {.content = options.content});
  if (version.find_first_not_of("0123456789") != std::string::npos) {
    builder.Note(Severity::kWarning, "version", "version", "the format's version is no number, and torch refuses it");
    version.clear();
  }
  if (!in_folder) {
    builder.Note(Severity::kWarning, "zip-no-folder", "", "the records stand in no folder, where torch looks for them");
  }
  Model& model = builder.model();
  model.format_text = "PyTorch zip archive" + (version.empty() ? std::string() : ", version " + version);
  model.producer = producer.Text(model);
  return std::move(builder).Finish();
}

}  // namespace

const Format kTorchZip = {"torch-zip", "PyTorch zip checkpoint (torch 1.6 and later)", Match, Open};

void NoteSeveralObjects(ModelBuilder& builder, size_t count, std::string_view function) {
  builder.Note(Severity::kInfo, "several-objects", "",
               fmt::format("{} calls of {} wrote this file one after another; the objects are listed as [0] to [{}]",
                           count, function, count - 1));
}

size_t WalkZipRow(ModelBuilder& builder, Index source, uint64_t begin, size_t first) {
  struct Archive {
    std::unique_ptr<ByteSource> bytes;  // up to its end: offsets in it are those of the file
    ZipArchive zip;
  };
  std::vector<Archive> archives;  // the last one first: only an archive's end tells where it begins
  Findings findings;
  const std::shared_ptr<const ByteSource> file(std::shared_ptr<void>(), builder.model().sources[source].get());
  for (uint64_t end = file->size(); end > begin;) {
    auto bytes = OpenSlice(file, 0, end, file->name());
    Findings own;
    auto zip = ZipArchive::Open(*bytes, &own);
    if (!zip || PickleRecord(*zip).empty() || zip->start() < begin || zip->start() >= end) return 0;
    for (Finding& finding : std::move(own).Take()) {
      if (!OfRow(finding)) findings.Add(finding.severity, finding.code, finding.where, std::move(finding.text));
    }
    end = zip->start();
    archives.push_back({std::move(bytes), std::move(*zip)});
    if (archives.size() + first > kMostObjects) return 0;
  }
  if (archives.size() + first < 2) return 0;
  for (Finding& finding : std::move(findings).Take()) {
    builder.Note(finding.severity, finding.code, finding.where, std::move(finding.text));
  }
  for (size_t i = 0; i < archives.size(); ++i) {
    Archive& archive = archives[archives.size() - 1 - i];
    builder.AddSource(std::move(archive.bytes));
    std::string path;
    AppendIndex(path, static_cast<int64_t>(first + i));
    auto object = LoadTorchZip(builder, source, archive.zip, "data.pkl", "data/", 0);
    if (object) {
      WalkTorchPickle(*object, MakeNestedReader(builder), builder, {.path = builder.arena().Copy(path)});
    } else {
      builder.Note(Severity::kError, "object-unreadable", path, object.error().message);
    }
  }
  return archives.size();
}

Result<TorchPickle> LoadTorchZip(ModelBuilder& builder, Index source, const ZipArchive& zip,
                                 std::string_view pickle_record, std::string_view storage_folder, int depth,
                                 std::optional<EarlyPickle> early) {
  ZipStorages storages(builder, source, zip);
  return LoadZipPickle(builder, storages, pickle_record, storage_folder, depth, std::move(early));
}

Result<TorchPickle> LoadZipPickle(ModelBuilder& builder, ZipStorages& storages, std::string_view pickle_record,
                                  std::string_view storage_folder, int depth, std::optional<EarlyPickle> early) {
  const ZipArchive& zip = storages.zip();
  const ZipRecord* record = zip.FindInPrefix(pickle_record);
  if (record == nullptr) {
    return Error{.code = ErrorCode::kCorrupt, .message = fmt::format("the archive has no record {}", pickle_record)};
  }
  if (record->method != 0 && record->method != 8) {
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = fmt::format("the record is compressed with method {}, which torch never writes", record->method),
        .record = std::string(record->name)};
  }
  TorchPickle file;
  file.depth = depth;
  PTHVIEW_ASSIGN(file.tree, early && early->IsOf(*record) ? std::move(early->tree) : ReadPickle(zip, *record));
  if (file.tree.end < record->size) {
    builder.Note(Severity::kWarning, "pickle-trailing", record->name,
                 fmt::format("{} bytes stand behind the pickle's end", record->size - file.tree.end));
  }
  file.meanings = MeaningsOf(file.tree);
  file.storages.reserve(file.tree.persistent_ids().size());
  DeviceNames devices(builder.arena());
  for (Value id : file.tree.persistent_ids()) {
    auto parsed = ParseStorageId(file.tree, file.meanings, id, builder.arena());
    if (!parsed) {
      file.storages.push_back({});
      continue;
    }
    file.storages.push_back(storages.Resolve(*parsed, devices.Of(parsed->location), storage_folder));
  }
  return file;
}

}  // namespace pthview
