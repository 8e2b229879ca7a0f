// The central directory: one entry a record.
//
//    0 u32 "PK\1\2"             16 u32 CRC-32                   32 u16 length of the comment
//    4 u16 made by              20 u32 stored size              34 u16 first disk
//    6 u16 needed               24 u32 size                     36 u16 internal attributes
//    8 u16 flags                28 u16 length of the name       38 u32 external attributes
//   10 u16 method               30 u16 length of the extras     42 u32 offset of the local header
//   12 u32 time and date        46 name, extras, comment
//
// An extra is u16 ID, u16 length, data. ID 1 is zip64: the u64 values of size, stored size and offset, in this order,
// each only when its field above is FFFFFFFF.
#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/container/zip_internal.h"

namespace pthview::zip {
namespace {

constexpr uint16_t kZip64Extra = 1;
constexpr uint32_t kDigitalSignature = 0x05054b50;  // "PK\5\5" may close the directory

constexpr size_t kLongestName = 4096;  // no file system has longer paths

// Whether unpacking a record of this name would write outside the folder: `/etc/x`, `a/../../x`, `C:\x`.
bool Climbs(std::string_view name) {
  if (name.starts_with('/') || name.starts_with('\\') || (name.size() > 1 && name[1] == ':')) return true;
  if (name.find("..") == std::string_view::npos) return false;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find_first_of("/\\", begin), name.size());
    if (name.substr(begin, end - begin) == "..") return true;
    begin = end + 1;
  }
  return false;
}

// Replaces a saturated field by its zip64 value. False when the extra field is there but has none left.
bool Widen(uint64_t* value, Zip64Field* field) {
  if (*value != kSaturated32 || !field->present) return true;
  const auto wide = field->Next();
  if (wide) *value = *wide;
  return wide.has_value();
}

}  // namespace

std::string Where(const ZipRecord& record) { return EscapeName(record.name); }

std::optional<uint64_t> Zip64Field::Next() {
  if (values.size() < 8) return std::nullopt;
  const auto value = LoadLittle<uint64_t>(values.data());
  values = values.subspan(8);
  return value;
}

Zip64Field FindZip64(std::string_view extra) {
  ByteReader reader(std::as_bytes(std::span(extra)));
  uint16_t id = 0;
  uint16_t length = 0;
  std::string_view data;
  while (reader.Read(&id) && reader.Read(&length) && reader.ReadView(length, &data)) {
    if (id == kZip64Extra) return {true, std::as_bytes(std::span(data))};
  }
  return {};
}

Status ParseDirectory(const Place& place, std::span<const std::byte> bytes, std::vector<ZipRecord>* records,
                      std::string_view* first, Findings* findings) {
  records->clear();
  const uint64_t possible = bytes.size() / kCentralSize;
  records->reserve(static_cast<size_t>(std::min(place.entries, possible)));
  ByteReader reader(bytes);
  uint64_t entries = 0;
  while (!reader.AtEnd()) {
    const uint64_t at = reader.position();
    const std::byte* entry = bytes.data() + at;
    if (reader.remaining() >= 4 && LoadLittle<uint32_t>(entry) == kDigitalSignature) break;
    if (reader.remaining() < kCentralSize || LoadLittle<uint32_t>(entry) != kCentralSignature) {
      return Corrupt(place.offset + at,
                     "the central directory is broken after " + std::to_string(entries) + " entries");
    }
    ZipRecord record;
    record.flags = LoadLittle<uint16_t>(entry + 8);
    record.method = LoadLittle<uint16_t>(entry + 10);
    record.crc = LoadLittle<uint32_t>(entry + 16);
    record.stored = LoadLittle<uint32_t>(entry + 20);
    record.size = LoadLittle<uint32_t>(entry + 24);
    record.header = LoadLittle<uint32_t>(entry + 42);
    std::string_view extra;
    if (!reader.Skip(kCentralSize) || !reader.ReadView(LoadLittle<uint16_t>(entry + 28), &record.name) ||
        !reader.ReadView(LoadLittle<uint16_t>(entry + 30), &extra) || !reader.Skip(LoadLittle<uint16_t>(entry + 32))) {
      return Corrupt(place.offset + at, "entry " + std::to_string(entries) + " runs past the central directory");
    }
    if (entries++ == 0) *first = record.name;

    if (record.size == kSaturated32 || record.stored == kSaturated32 || record.header == kSaturated32) {
      Zip64Field zip64 = FindZip64(extra);
      if (!Widen(&record.size, &zip64) || !Widen(&record.stored, &zip64) || !Widen(&record.header, &zip64)) {
        record.readable = false;
        findings->Add(Severity::kDanger, "zip-zip64", Where(record),
                      "The zip64 field is shorter than the values that it must hold.");
      }
    }
    const auto header = CheckedAdd(record.header, place.start);
    if (!header) {
      record.readable = false;
      findings->Add(Severity::kError, "zip-outside", Where(record), "Its header lies beyond any file.");
    }
    record.header = header.value_or(0);
    if (record.name.find('\0') != std::string_view::npos) {
      findings->Add(Severity::kDanger, "zip-name-nul", Where(record),
                    "The name holds a zero byte, where some programs take it to end.");
    }
    if (Climbs(record.name)) {
      findings->Add(Severity::kDanger, "zip-name-climbs", Where(record),
                    "The name leads out of the folder that the archive is unpacked into.");
    }
    if (record.name.size() > kLongestName) {
      findings->Add(Severity::kWarning, "zip-name-long", Where(record).substr(0, 80) + "...",
                    "The name has " + std::to_string(record.name.size()) + " bytes.");
    }
    if (record.name.ends_with('/')) {
      if (record.size != 0) {
        findings->Add(Severity::kWarning, "zip-folder-data", Where(record),
                      "A folder entry holds " + std::to_string(record.size) + " bytes of data, which are not shown.");
      }
      continue;
    }
    records->push_back(record);
  }
  if (entries != place.entries) {
    findings->Add(Severity::kDanger, "zip-entry-count", "",
                  "The central directory has " + std::to_string(entries) + " entries, and its end record counts " +
                      std::to_string(place.entries) + ", so that torch may see fewer of them.");
  }
  return Ok();
}

}  // namespace pthview::zip
