// The local header in front of each record's data, and how records lie in the file.
//
//    0 u32 "PK\3\4"          10 u32 time and date      26 u16 length of the name
//    4 u16 needed            14 u32 CRC-32             28 u16 length of the extras
//    6 u16 flags             18 u32 stored size        30 name, extras, data
//    8 u16 method            22 u32 size
//
// torch writes flags 0808 (UTF-8 name, sizes in a descriptor after the data) and zero for CRC and sizes, and pads the
// extras ("FB", length, 'Z'...) so that data starts at a multiple of 64. So the extras' length, and with it the data's
// offset, stands here alone, while everything else is better taken from the central directory.
#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/escape.h"
#include "lib/container/gzip.h"
#include "lib/container/zip_internal.h"

namespace pthview::zip {
namespace {

constexpr uint64_t kChunk = uint64_t{1} << 18;  // stays in a core's cache
constexpr uint64_t kNear = uint64_t{1} << 12;   // a page: reading it costs about as much as another call
constexpr uint64_t kHeaderGuess = kLocalSize + 256;

// Serves headers from one buffer, filled by reads that cover as many of the next headers as lie close together.
class HeaderReader {
 public:
  HeaderReader(const ByteSource& source, std::span<const uint32_t> order, std::span<const ZipRecord> records)
      : source_(source), order_(order), records_(records) {}

  // `length` bytes at the header of the record order[i]; the caller has checked that they lie inside the source.
  Result<const std::byte*> Get(size_t i, uint64_t length) {
    const uint64_t at = records_[order_[i]].header;
    if (at < start_ || at - start_ > filled_ || length > filled_ - (at - start_)) {
      uint64_t last = at;
      for (size_t next = i + 1; next < order_.size(); ++next) {
        const uint64_t header = records_[order_[next]].header;
        if (header - last > kNear || header - at > kChunk - kHeaderGuess) break;
        last = header;
      }
      const uint64_t end = std::min(source_.size(), std::max(at + length, last + kHeaderGuess));
      filled_ = 0;
      if (buffer_.size() < end - at) buffer_.resize(static_cast<size_t>(end - at));
      PTHVIEW_TRY(source_.ReadAt(at, std::span(buffer_).first(static_cast<size_t>(end - at))));
      start_ = at;
      filled_ = end - at;
    }
    return buffer_.data() + (at - start_);
  }

 private:
  const ByteSource& source_;
  std::span<const uint32_t> order_;
  std::span<const ZipRecord> records_;
  std::vector<std::byte> buffer_;
  uint64_t start_ = 0;
  uint64_t filled_ = 0;
};

struct LocalSizes {
  uint64_t stored, size;
};

void Outside(ZipRecord* record, Findings* findings) {
  record->readable = false;
  findings->Add(Severity::kError, "zip-outside", Where(*record),
                "The record at byte " + std::to_string(record->header) +
                    " ends outside the file, which may have been cut short.");
}

// Compares a header's sizes and CRC with the central directory's. With a descriptor the header may leave them zero.
void CompareSizes(const std::byte* header, const LocalSizes& local, const ZipRecord& record, Findings* findings) {
  const bool later = (LoadLittle<uint16_t>(header + 6) & kFlagDescriptor) != 0;
  const auto crc = LoadLittle<uint32_t>(header + 14);
  const bool sizes_fit = (later && local.stored == 0) || local.stored == record.stored;
  const bool size_fits = (later && local.size == 0) || local.size == record.size;
  const bool crc_fits = crc == 0 || record.crc == 0 || crc == record.crc;
  if (sizes_fit && size_fits && crc_fits) return;
  findings->Add(Severity::kWarning, "zip-local-size", Where(record),
                "The local header tells other sizes or another CRC than the central directory, which is believed.");
}

void CompareMethod(const std::byte* header, const ZipRecord& record, Findings* findings) {
  const auto method = LoadLittle<uint16_t>(header + 8);
  const uint16_t flags = LoadLittle<uint16_t>(header + 6) ^ record.flags;
  if (method == record.method && (flags & kFlagEncrypted) == 0) return;
  findings->Add(Severity::kDanger, "zip-local-method", Where(record),
                "The local header tells another method or encryption than the central directory, which is believed: "
                "a known way to show scanners something else.");
}

uint64_t DataOffset(uint64_t header_offset, const std::byte* header) {
  return header_offset + kLocalSize + LoadLittle<uint16_t>(header + 26) + LoadLittle<uint16_t>(header + 28);
}

// Whether what stands at the record's header is its header but for the signature: of the same name, method and flags.
Result<bool> IsOfRecord(HeaderReader& reader, size_t i, const ZipRecord& record, uint64_t source_size) {
  const uint64_t length = kLocalSize + record.name.size();
  if (record.name.empty() || record.header > source_size || length > source_size - record.header) return false;
  PTHVIEW_ASSIGN(const std::byte* header, reader.Get(i, length));
  const std::string_view name(reinterpret_cast<const char*>(header + kLocalSize), record.name.size());
  return LoadLittle<uint16_t>(header + 26) == name.size() && name == record.name &&
         LoadLittle<uint16_t>(header + 8) == record.method && LoadLittle<uint16_t>(header + 6) == record.flags &&
         DataOffset(record.header, header) <= source_size;
}

}  // namespace

std::vector<uint32_t> OrderByHeader(std::span<const ZipRecord> records) {
  std::vector<uint32_t> order(records.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto before = [&](uint32_t a, uint32_t b) {
    return records[a].header != records[b].header ? records[a].header < records[b].header : a > b;
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) std::sort(order.begin(), order.end(), before);
  return order;
}

Status ReadLocalHeaders(const ByteSource& source, std::span<const uint32_t> order, std::span<ZipRecord> records,
                        Findings* findings) {
  HeaderReader reader(source, order, records);
  for (size_t i = 0; i < order.size(); ++i) {
    ZipRecord& record = records[order[i]];
    if (source.size() < kLocalSize || record.header > source.size() - kLocalSize) {
      if (record.readable) Outside(&record, findings);
      continue;
    }
    PTHVIEW_ASSIGN(const std::byte* header, reader.Get(i, kLocalSize));
    if (LoadLittle<uint32_t>(header) != kLocalSignature) {
      PTHVIEW_ASSIGN(const bool known, IsOfRecord(reader, i, record, source.size()));
      if (known) {
        findings->Add(Severity::kWarning, "zip-local-signature", Where(record),
                      "The local header at byte " + std::to_string(record.header) +
                          " does not begin with PK\\x03\\x04, though the rest of it is that of the record: its first "
                          "bytes were written over. torch refuses the file; the record is read.");
        PTHVIEW_ASSIGN(header, reader.Get(i, kLocalSize));
        record.offset = DataOffset(record.header, header);
        continue;
      }
      record.readable = false;
      findings->Add(Severity::kError, "zip-local-missing", Where(record),
                    "There is no local header at byte " + std::to_string(record.header) + ".");
      continue;
    }
    const uint64_t name_length = LoadLittle<uint16_t>(header + 26);
    const uint64_t extra_length = LoadLittle<uint16_t>(header + 28);
    const uint64_t data = DataOffset(record.header, header);
    if (data > source.size()) {
      if (record.readable) Outside(&record, findings);
      continue;
    }
    record.offset = data;

    LocalSizes local{LoadLittle<uint32_t>(header + 18), LoadLittle<uint32_t>(header + 22)};
    const bool wide = local.stored == kSaturated32 || local.size == kSaturated32;
    PTHVIEW_ASSIGN(header, reader.Get(i, kLocalSize + name_length + (wide ? extra_length : 0)));
    const auto* text = reinterpret_cast<const char*>(header + kLocalSize);
    if (wide) {
      Zip64Field field = FindZip64({text + name_length, static_cast<size_t>(extra_length)});
      if (local.size == kSaturated32) local.size = field.Next().value_or(local.size);
      if (local.stored == kSaturated32) local.stored = field.Next().value_or(local.stored);
    }
    const std::string_view name(text, static_cast<size_t>(name_length));
    if (name != record.name) {
      findings->Add(Severity::kDanger, "zip-local-name", Where(record),
                    "The local header calls the record `" + EscapeName(name) +
                        "`: programs that read names there see another file.");
    }
    CompareSizes(header, local, record, findings);
    CompareMethod(header, record, findings);
  }
  return Ok();
}

void CheckOverlaps(uint64_t source_size, uint64_t directory, std::span<const uint32_t> order,
                   std::span<ZipRecord> records, Findings* findings) {
  ZipRecord* after = nullptr;  // the nearest record behind the current one that has a header of its own
  for (size_t i = order.size(); i-- > 0;) {
    ZipRecord& record = records[order[i]];
    if (record.offset == 0) continue;
    const ZipRecord* next = std::exchange(after, &record);
    if (!record.readable) continue;
    if (record.offset > source_size || record.stored > source_size - record.offset) {
      Outside(&record, findings);
      continue;
    }
    const uint64_t end = record.offset + record.stored;
    const bool into_next = next != nullptr && end > next->header;
    const bool into_directory = record.header < directory && end > directory;
    if (!into_next && !into_directory) continue;
    record.readable = false;
    findings->Add(Severity::kDanger, "zip-overlap", Where(record),
                  "The record's bytes run into " + (into_next ? "`" + Where(*next) + "`" : "the central directory") +
                      ": a zip bomb, or data that different programs read differently. It is not read.");
  }
}

// What deflates to less than a five-hundredth holds next to nothing.
constexpr uint64_t kOneValueRatio = 500;
constexpr uint64_t kLargeRecord = uint64_t{64} << 20;

void CheckRecords(std::span<ZipRecord> records, Findings* findings) {
  for (ZipRecord& record : records) {
    if ((record.flags & (kFlagEncrypted | kFlagStrongEncryption)) != 0) {
      findings->Add(Severity::kDanger, "zip-encrypted", Where(record),
                    "The record is marked as encrypted. torch writes no such records; the mark keeps scanners out.");
    }
    if (record.method != kStored && record.method != kDeflated) {
      record.readable = false;
      findings->Add(
          Severity::kError, "zip-method", Where(record),
          "It is packed with " + ZipMethodName(record.method) + ", which is unpacked neither here nor by torch.");
    } else if (record.method == kStored && record.stored != record.size) {
      record.readable = false;
      findings->Add(Severity::kDanger, "zip-stored-size", Where(record),
                    "The record is stored as it is, yet its two sizes differ (" + std::to_string(record.stored) +
                        " and " + std::to_string(record.size) + " bytes).");
    } else if (record.method == kDeflated && record.size > MostInflated(record.stored)) {
      record.readable = false;
      findings->Add(Severity::kDanger, "zip-ratio", Where(record),
                    std::to_string(record.stored) + " deflated bytes cannot become the promised " +
                        std::to_string(record.size) + ".");
    } else if (record.method == kDeflated && record.size > kLargeRecord &&
               record.size / kOneValueRatio > record.stored) {
      findings->Add(Severity::kWarning, "zip-ratio", Where(record),
                    std::to_string(record.stored) + " deflated bytes become " + std::to_string(record.size) +
                        ": nearly all of them are one value, as in a zip bomb.");
    }
  }
}

}  // namespace pthview::zip

namespace pthview {

// Source: APPNOTE.TXT 6.3.10, section 4.4.5.
std::string ZipMethodName(uint16_t method) {
  struct Name {
    uint16_t method;
    const char* name;
  };
  static constexpr Name kNames[] = {{0, "nothing"},        {1, "Shrink"}, {6, "Implode"},  {8, "Deflate"},
                                    {9, "Deflate64"},      {12, "bzip2"}, {14, "LZMA"},    {20, "zstd"},
                                    {93, "zstd"},          {95, "xz"},    {97, "WavPack"}, {98, "PPMd"},
                                    {99, "AES encryption"}};
  const std::string number = "method " + std::to_string(method);
  for (const Name& row : kNames) {
    if (row.method == method) return row.name + (" (" + number + ")");
  }
  return number;
}

Result<uint64_t> DataOffset(const ByteSource& source, const ZipRecord& record) {
  std::byte header[zip::kLocalSize];
  PTHVIEW_TRY(source.ReadAt(record.header, header));
  if (LoadLittle<uint32_t>(header) != zip::kLocalSignature) return zip::Corrupt(record.header, "no local header");
  return zip::DataOffset(record.header, header);
}

}  // namespace pthview
