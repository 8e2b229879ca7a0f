// torch.save since 1.6: a zip archive of one pickle and a record for each storage.
//
//   archive/data.pkl           the object, protocol 2; storages are persistent ids ('storage', class, key, location,
//   numel) archive/data/<key>         the bytes of a storage, stored, aligned to 64 archive/version            "3\n";
//   the writer's .data/version is tried first archive/byteorder          "little" or "big", since torch 2.1; absent
//   means little
//
// Source: torch/serialization.py (_save), caffe2/serialize/inline_container.cc.
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/container/record_source.h"
#include "lib/formats/format.h"
#include "lib/formats/formats_list.h"
#include "lib/formats/torch_file.h"
#include "lib/formats/torch_walk.h"
#include "lib/pickle/machine.h"

namespace pthview {
namespace {

using pickle::Value;

// A pickle cannot be larger than its archive, unless it is deflated: then by no more than real pickles deflate.
uint64_t PickleLimit(const ZipRecord& record) {
  return record.method == 0 ? record.size : record.stored * 64 + (1 << 20);
}

std::string RecordText(const ZipArchive& zip, std::string_view name) {
  const ZipRecord* record = zip.FindInPrefix(name);
  if (record == nullptr || !record->readable) return {};
  auto bytes = zip.Read(*record, 256);
  if (!bytes) return {};
  std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

class ZipStorages {
 public:
  ZipStorages(ModelBuilder& builder, Index source, const ZipArchive& zip, std::string_view folder)
      : builder_(builder), source_(source), zip_(zip), folder_(folder), of_record_(zip.records().size(), kNone) {
    std::string order = RecordText(zip, "byteorder");
    if (order == "big") {
      big_endian_ = true;
    } else if (!order.empty() && order != "little") {
      builder.Note(Severity::kWarning, "byteorder", "byteorder",
                   fmt::format("the byte order '{}' is unknown; little is assumed", order));
    }
  }

  StorageRow Resolve(const StorageId& id, std::string_view device) {
    StorageRow row{.dtype = id.dtype, .numel = id.numel, .device = device, .is_storage = true};
    name_.assign(folder_).append(id.key);
    const ZipRecord* record = zip_.FindInPrefix(name_);
    row.storage = record == nullptr ? Missing(id, device) : Found(id, device, *record);
    return row;
  }

 private:
  Index Missing(const StorageId& id, std::string_view device) {
    auto [at, is_new] = missing_.try_emplace(std::string(id.key), kNone);
    if (is_new) {
      at->second = builder_.AddStorage({.dtype = id.dtype, .key = builder_.arena().Copy(id.key), .device = device});
      builder_.Note(Severity::kError, "storage-missing", name_,
                    "the archive has no such record; tensors over it are listed without data");
    }
    return at->second;
  }

  Index Found(const StorageId& id, std::string_view device, const ZipRecord& record) {
    Index& known = of_record_[static_cast<size_t>(&record - zip_.records().data())];
    if (known != kNone) return known;
    Storage storage{.offset = record.offset, .nbytes = record.size, .dtype = id.dtype, .device = device};
    storage.key = builder_.arena().Copy(id.key);
    storage.record = builder_.arena().Copy(record.name);
    auto expected = BytesFor(id.dtype, id.numel);
    if (id.dtype != DType::kUnknown && expected != record.size) {
      builder_.Note(Severity::kWarning, "storage-size", storage.record,
                    fmt::format("the pickle says {} elements of {}, the record has {} bytes", id.numel,
                                DTypeName(id.dtype), record.size));
    }
    if (!record.readable) {
      builder_.Note(Severity::kError, "storage-unreadable", storage.record,
                    "its bytes cannot be read; tensors over it are listed without data");
      storage.nbytes = 0;
    } else if (record.method == 0 && !big_endian_) {
      storage.source = source_;
    } else {
      size_t width = big_endian_ ? SwapWidth(id) : 1;
      storage.source = builder_.AddSource(OpenRecord(zip_.source(), record, width));
      storage.offset = 0;
    }
    return known = builder_.AddStorage(storage);
  }

  size_t SwapWidth(const StorageId& id) {
    if (id.untyped) {
      builder_.Note(Severity::kWarning, "byteorder", name_,
                    "big-endian bytes of unknown element size; the values may be wrong");
    }
    size_t width = Info(id.dtype).item_size;
    return Info(id.dtype).kind == DTypeClass::kComplex ? width / 2 : width;
  }

  ModelBuilder& builder_;
  Index source_;
  const ZipArchive& zip_;
  std::string folder_;
  std::string name_;
  bool big_endian_ = false;
  std::vector<Index> of_record_;
  std::unordered_map<std::string, Index> missing_;
};

std::string_view PickleRecord(const ZipArchive& zip) {
  return zip.FindInPrefix("data.pkl") != nullptr ? "data.pkl" : "";
}

int Match(const OpenContext& context) { return context.zip != nullptr && !PickleRecord(*context.zip).empty() ? 80 : 0; }

Result<Model> Open(OpenContext context, const OpenOptions&) {
  ModelBuilder builder(std::move(context.findings));
  const ZipArchive& zip = *context.zip;
  Index source = builder.AddSource(std::move(context.source));
  PTHVIEW_ASSIGN(TorchPickle file, LoadTorchZip(builder, source, zip, "data.pkl", "data/", 0));
  WalkTorchPickle(file, MakeNestedReader(builder), builder);
  std::string version = RecordText(zip, ".data/version");
  if (version.empty()) version = RecordText(zip, "version");
  Model& model = builder.model();
  model.format_text = "PyTorch zip archive" + (version.empty() ? std::string() : ", version " + version);
  model.producer = zip.FindInPrefix("byteorder") != nullptr ? "torch 2.1 or later" : "torch 1.6 or later";
  return std::move(builder).Finish();
}

}  // namespace

const Format kTorchZip = {"torch-zip", "PyTorch zip checkpoint (torch 1.6 and later)", Match, Open};

Result<TorchPickle> LoadTorchZip(ModelBuilder& builder, Index source, const ZipArchive& zip,
                                 std::string_view pickle_record, std::string_view storage_folder, int depth) {
  const ZipRecord* record = zip.FindInPrefix(pickle_record);
  if (record == nullptr) {
    return Error{.code = ErrorCode::kCorrupt, .message = fmt::format("the archive has no record {}", pickle_record)};
  }
  if (record->method != 0 && record->method != 8) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = fmt::format("the record is compressed with method {}, which torch never writes", record->method),
                 .record = std::string(record->name)};
  }
  auto bytes = zip.Read(*record, PickleLimit(*record));
  if (!bytes) return std::move(bytes).error();
  TorchPickle file;
  file.depth = depth;
  bool deflated = record->method != 0;
  auto tree = pickle::Read(std::move(*bytes), {.record = std::string(record->name)});
  if (!tree) {
    Error error = std::move(tree).error();
    if (deflated && error.hint.empty()) error.hint = "the byte is counted in the inflated record";
    return error;
  }
  file.tree = std::move(*tree);
  if (file.tree.end < record->size) {
    builder.Note(Severity::kWarning, "pickle-trailing", record->name,
                 fmt::format("{} bytes stand behind the pickle's end", record->size - file.tree.end));
  }
  file.meanings = MeaningsOf(file.tree);
  ZipStorages storages(builder, source, zip, storage_folder);
  file.storages.reserve(file.tree.persistent_ids().size());
  std::vector<std::pair<std::string_view, std::string_view>> devices;  // raw, copied: a handful
  for (Value id : file.tree.persistent_ids()) {
    auto parsed = ParseStorageId(file.tree, file.meanings, id, builder.arena());
    if (!parsed) {
      file.storages.push_back({});
      continue;
    }
    std::string_view device;
    for (const auto& [raw, copy] : devices) {
      if (raw == parsed->location) device = copy;
    }
    if (device.empty() && !parsed->location.empty()) {
      device = builder.arena().Copy(parsed->location);
      devices.emplace_back(device, device);
    }
    file.storages.push_back(storages.Resolve(*parsed, device));
  }
  return file;
}

}  // namespace pthview
