#include "lib/formats/torch/zip_storages.h"

#include <fmt/format.h>

#include "lib/container/record_source.h"
#include "lib/formats/common/unpacked_folder.h"

namespace pthview {

std::string RecordText(const ZipArchive& zip, std::string_view name) {
  const ZipRecord* record = zip.FindInPrefix(name);
  if (record == nullptr || !record->readable) return {};
  auto bytes = zip.Read(*record, 256);
  if (!bytes) return {};
  std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

ZipStorages::ZipStorages(ModelBuilder& builder, Index source, const ZipArchive& zip, uint64_t base)
    : builder_(builder),
      source_(source),
      zip_(zip),
      base_(base),
      of_record_(zip.records().size(), kNone),
      folder_source_(dynamic_cast<const FolderSource*>(&zip.source())) {
  // Once, at the size that most archives need: growing step by step would hold two tables for a while.
  auto& storages = builder.model().storages;
  if (storages.empty()) storages.reserve(zip.records().size());
  std::string order = RecordText(zip, "byteorder");
  if (order == "big") {
    big_endian_ = true;
  } else if (!order.empty() && order != "little") {
    builder.Note(Severity::kWarning, "byteorder", "byteorder",
                 fmt::format("the byte order '{}' is unknown; little is assumed", order));
  }
}

StorageRow ZipStorages::Resolve(const StorageId& id, std::string_view device, std::string_view folder) {
  if (folder != folder_ || full_folder_.empty()) {
    folder_ = folder;
    full_folder_ = zip_.prefix().empty() ? folder_ : fmt::format("{}/{}", zip_.prefix(), folder);
  }
  StorageRow row{.dtype = id.dtype, .numel = id.numel, .device = device, .is_storage = true};
  name_.assign(full_folder_).append(id.key);
  const ZipRecord* record = zip_.Find(name_, guess_);
  if (record == nullptr) record = zip_.Find(name_ + ".storage");
  row.storage = record == nullptr ? Missing(id, device) : Of(*record, id, device);
  return row;
}

Index ZipStorages::Missing(const StorageId& id, std::string_view device) {
  auto [at, is_new] = missing_.try_emplace(name_, kNone);
  if (is_new) {
    at->second = builder_.AddStorage({.dtype = id.dtype, .key = builder_.arena().Copy(id.key), .device = device});
    builder_.Note(Severity::kError, "storage-missing", name_,
                  "the archive has no such record; tensors over it are listed without data");
  }
  return at->second;
}

Index ZipStorages::Of(const ZipRecord& record, const StorageId& id, std::string_view device) {
  const auto number = static_cast<size_t>(&record - zip_.records().data());
  guess_ = number + 1;  // writers put storages in the order in which the pickle names them
  Index& known = of_record_[number];
  if (known != kNone) return known;
  Storage storage{.offset = base_ + record.offset, .nbytes = record.size, .dtype = id.dtype, .device = device};
  storage.key = builder_.arena().Copy(id.key);
  storage.record = builder_.arena().Copy(record.name);
  if (record.size == 0 && id.numel > 0) {
    // torch.save under skip_data, and the inputs that torch.jit.trace keeps: all but the bytes.
    storage.left_out = folder_ != "data/" && folder_ != "constants/";
    builder_.Note(Severity::kInfo, "storage-empty", storage.record, "its writer left the data out");
    return known = builder_.AddStorage(storage);
  }
  auto expected = BytesOfStorage(id.dtype, id.numel);
  if (id.dtype != DType::kUnknown && id.numel >= 0 && expected != record.size) {
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
    if (folder_source_ != nullptr) {  // a file of its own
      if (auto file = folder_source_->FileAt(record.offset)) {
        storage.source = builder_.AddSource(std::move(*file));
        storage.offset = 0;
      }
    }
  } else {
    size_t width = big_endian_ ? SwapWidth(id) : 1;
    storage.source = builder_.AddSource(OpenRecord(zip_.source(), record, width));
    storage.offset = 0;
  }
  return known = builder_.AddStorage(storage);
}

size_t ZipStorages::SwapWidth(const StorageId& id) {
  if (id.untyped) {
    builder_.Note(Severity::kWarning, "byteorder", name_,
                  "big-endian bytes of unknown element size; the values may be wrong");
  }
  size_t width = Info(id.dtype).item_size;
  return Info(id.dtype).kind == DTypeClass::kComplex ? width / 2 : width;
}

}  // namespace pthview
