// What the files zip*.cc share: the steps of opening an archive. Nothing outside this folder includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/distant_source.h"
#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/base/source.h"
#include "lib/container/zip.h"

namespace pthview::zip {

inline constexpr uint32_t kLocalSignature = 0x04034b50;       // "PK\3\4"
inline constexpr uint32_t kCentralSignature = 0x02014b50;     // "PK\1\2"
inline constexpr uint32_t kEndSignature = 0x06054b50;         // "PK\5\6"
inline constexpr uint32_t kEnd64Signature = 0x06064b50;       // "PK\6\6"
inline constexpr uint32_t kLocator64Signature = 0x07064b50;   // "PK\6\7"
inline constexpr uint32_t kDescriptorSignature = 0x08074b50;  // "PK\7\10"
inline constexpr uint64_t kEndSize = 22;
inline constexpr uint64_t kLocalSize = 30;
inline constexpr uint64_t kCentralSize = 46;
inline constexpr uint32_t kSaturated32 = 0xFFFFFFFF;  // "the real value stands in the zip64 field"
inline constexpr uint16_t kSaturated16 = 0xFFFF;
inline constexpr uint16_t kFlagEncrypted = 0x0001;
inline constexpr uint16_t kFlagDescriptor = 0x0008;  // sizes and CRC follow the data
inline constexpr uint16_t kFlagStrongEncryption = 0x0040;
inline constexpr uint16_t kStored = 0;
inline constexpr uint16_t kDeflated = 8;

// Where the central directory lies, by the end records. Offsets are those of the source.
struct Place {
  uint64_t offset = 0;   // first byte of the central directory
  uint64_t size = 0;     // its bytes
  uint64_t entries = 0;  // its entries, as the end record counts them
  uint64_t start = 0;    // to be added to the offsets that the archive records: the bytes in front of it
  std::vector<Finding> notes;
};

// Finds the end record and its zip64 companions in the last 64 KB. kUnrecognized when there is none, kCorrupt when
// none leads to a central directory.
Result<Place> FindDirectory(const ByteSource& source);

// The entries of the central directory in its order, folders left out, `offset` still 0. *first is the name of the
// very first entry, a folder or not. kCorrupt at the first byte that is no entry.
Status ParseDirectory(const Place& place, std::span<const std::byte> bytes, std::vector<ZipRecord>* records,
                      std::string_view* first, Findings* findings);

// Record numbers by the offset of their headers. Of records that share a header the first comes last, so that it is
// the one that CheckOverlaps leaves readable.
std::vector<uint32_t> OrderByHeader(std::span<const ZipRecord> records);

// Reads the local headers in `order`, sets ZipRecord::offset, and reports what contradicts the central directory.
Status ReadLocalHeaders(const ByteSource& source, std::span<const uint32_t> order, std::span<ZipRecord> records,
                        Findings* findings);

// For sources where each header would be a round trip: sets ZipRecord::offset where it follows from the central
// directory and from where the next record starts, and has the source compare it when the data is read. Returns the
// part of `order` whose headers must be read.
std::vector<uint32_t> AssumeLocalHeaders(const DistantSource& source, uint64_t directory,
                                         std::span<const uint32_t> order, std::span<ZipRecord> records,
                                         Findings* findings);

// Reports and marks records that leave the source or run into the next record or into `directory`, where the central
// directory starts.
void CheckOverlaps(uint64_t source_size, uint64_t directory, std::span<const uint32_t> order,
                   std::span<ZipRecord> records, Findings* findings);

// Reports encryption, methods and sizes that cannot be.
void CheckRecords(std::span<ZipRecord> records, Findings* findings);

// Lists records by the local headers alone, in the order they stand. *names receives the bytes that the records' names
// are views of.
Status Rebuild(const ByteSource& source, std::vector<std::byte>* names, std::vector<ZipRecord>* records,
               Findings* findings);

// The 64-bit values of a zip64 extra field (header ID 1), in the order in which they stand.
struct Zip64Field {
  bool present = false;
  std::span<const std::byte> values;

  // The next value; nullopt when the field is missing or spent.
  std::optional<uint64_t> Next();
};
Zip64Field FindZip64(std::string_view extra);

// The name as findings carry it.
std::string Where(const ZipRecord& record);

inline Error Corrupt(uint64_t offset, std::string message) {
  Error error{ErrorCode::kCorrupt, std::move(message)};
  error.offset = offset;
  return error;
}

}  // namespace pthview::zip
