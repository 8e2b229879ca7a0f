#include "lib/formats/common/record_rows.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

constexpr uint64_t kMaxShown = 64 << 10;
constexpr uint64_t kMaxShownTotal = 8 << 20;

bool IsText(std::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t';
  });
}

void AddRows(ModelBuilder& builder, const ZipArchive& zip, std::string_view folder, Index part, bool texts) {
  std::string prefix = zip.prefix().empty() ? std::string(folder) : fmt::format("{}/{}", zip.prefix(), folder);
  uint64_t shown = 0;
  for (const ZipRecord& record : zip.records()) {
    if (!record.name.starts_with(prefix)) continue;
    std::string path;
    size_t from = 0;
    for (size_t slash; (slash = folder.find('/', from)) != std::string_view::npos; from = slash + 1) {
      AppendTextKey(path, folder.substr(from, slash - from));
    }
    AppendTextKey(path, record.name.substr(prefix.size()));
    if (texts && record.readable && record.size <= kMaxShown && shown + record.size <= kMaxShownTotal) {
      auto bytes = zip.Read(record, kMaxShown);
      std::string_view text;
      if (bytes) text = {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
      if (bytes && IsText(text)) {
        shown += record.size;
        AddPlainText(builder, path, text, PlainKind::kString, part);
        continue;
      }
    }
    AddPlainText(builder, path, fmt::format("{} bytes", record.size), PlainKind::kBytes, part);
  }
}

}  // namespace

void AddTextRows(ModelBuilder& builder, const ZipArchive& zip, std::string_view folder, Index part) {
  AddRows(builder, zip, folder, part, true);
}

void AddSizeRows(ModelBuilder& builder, const ZipArchive& zip, std::string_view folder, Index part) {
  AddRows(builder, zip, folder, part, false);
}

void AddOperatorRow(ModelBuilder& builder, size_t index, std::string_view name, Index part) {
  std::string path = "operators";
  AppendIndex(path, static_cast<int64_t>(index));
  AddPlainText(builder, path, name, PlainKind::kString, part);
}

void AddPlainText(ModelBuilder& builder, std::string_view path, std::string_view text, PlainKind kind, Index part) {
  builder.AddPlain(
      {.path = builder.arena().Copy(path), .text = builder.arena().Copy(EscapeName(text)), .part = part, .kind = kind});
}

}  // namespace pthview
