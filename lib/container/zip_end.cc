// The end of a zip archive: the end record, and for large archives (and all of torch's) its zip64 companions.
//
//   ... central directory | zip64 end record | zip64 locator | end record | comment, to the end of the file
//
//   end record (22 bytes + comment)         zip64 end record (56 bytes)          zip64 locator (20 bytes)
//    0 u32 "PK\5\6"                          0 u32 "PK\6\6"                       0 u32 "PK\6\7"
//    4 u16 this disk                         4 u64 size of what follows (44)      4 u32 disk of the zip64 end record
//    6 u16 disk of the directory            12 u16 made by                        8 u64 offset of the zip64 end record
//    8 u16 entries on this disk             14 u16 needed                        16 u32 disks
//   10 u16 entries                          16 u32 this disk
//   12 u32 size of the directory            20 u32 disk of the directory
//   16 u32 offset of the directory          24 u64 entries on this disk
//   20 u16 length of the comment            32 u64 entries
//                                           40 u64 size of the directory
//                                           48 u64 offset of the directory
//
// Offsets count from the start of the archive. When something stands in front of it they are too small by that much;
// the directory's true place then follows from its size and from where the end records lie.
#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/container/zip_internal.h"

namespace pthview::zip {
namespace {

constexpr uint64_t kSmallTail = 4096;
constexpr uint64_t kLargestTail = kEndSize + 0xFFFF;
constexpr uint64_t kEnd64Size = 56;
constexpr uint64_t kLocator64Size = 20;

struct EndFields {
  uint64_t entries, size, offset;
};

// The u32 at an offset of the source; 0 when it lies outside.
Result<uint32_t> SignatureAt(const ByteSource& source, uint64_t offset) {
  if (source.size() < 4 || offset > source.size() - 4) return 0U;
  std::byte bytes[4];
  PTHVIEW_TRY(source.ReadAt(offset, bytes));
  return LoadLittle<uint32_t>(bytes);
}

// Reads the zip64 end record that belongs to the end record at `end`. Sets *end to it and fills *fields when there is
// one, and appends what is odd to *notes.
Status ReadZip64(const ByteSource& source, uint64_t* end, EndFields* fields, std::vector<Finding>* notes) {
  if (*end < kLocator64Size) return Ok();
  const uint64_t locator = *end - kLocator64Size;
  std::byte bytes[kEnd64Size];
  PTHVIEW_TRY(source.ReadAt(locator, std::span(bytes).first(kLocator64Size)));
  if (LoadLittle<uint32_t>(bytes) != kLocator64Signature) return Ok();
  const auto promised = LoadLittle<uint64_t>(bytes + 8);

  // It stands right before the locator unless it carries extensible data; then only the locator tells.
  uint64_t found = locator;
  for (uint64_t at : {locator >= kEnd64Size ? locator - kEnd64Size : locator, promised}) {
    if (at > locator || locator - at < kEnd64Size) continue;
    PTHVIEW_TRY(source.ReadAt(at, bytes));
    if (LoadLittle<uint32_t>(bytes) == kEnd64Signature) {
      found = at;
      break;
    }
  }
  if (found == locator) {
    notes->push_back({Severity::kDanger, "zip-end-record", "",
                      "The zip64 locator at byte " + std::to_string(locator) +
                          " points to no zip64 end record; the plain end record is used."});
    return Ok();
  }

  if (found != promised && promised > locator) {
    notes->push_back({Severity::kWarning, "zip-end-record", "",
                      "The zip64 locator points to byte " + std::to_string(promised) +
                          ", which is behind it; the zip64 end record right before it is used."});
  } else if (found != promised && promised + kEnd64Size > locator) {
    notes->push_back({Severity::kWarning, "zip-end-record", "",
                      "The zip64 locator points to itself; the zip64 end record right before it is used."});
  }

  const EndFields wide{LoadLittle<uint64_t>(bytes + 32), LoadLittle<uint64_t>(bytes + 40),
                       LoadLittle<uint64_t>(bytes + 48)};
  const bool same = (fields->entries == kSaturated16 || fields->entries == wide.entries) &&
                    (fields->size == kSaturated32 || fields->size == wide.size) &&
                    (fields->offset == kSaturated32 || fields->offset == wide.offset);
  if (!same) {
    notes->push_back({Severity::kDanger, "zip-end-record", "",
                      "The end record and the zip64 end record name different central directories, so that other "
                      "programs may see other records; the zip64 one is used."});
  }
  *fields = wide;
  *end = found;
  return Ok();
}

// Follows one end record, at `end`, to the directory.
Result<Place> Follow(const ByteSource& source, uint64_t end, std::span<const std::byte> record) {
  EndFields fields{LoadLittle<uint16_t>(record.data() + 10), LoadLittle<uint32_t>(record.data() + 12),
                   LoadLittle<uint32_t>(record.data() + 16)};
  Place place;
  const uint64_t end_record = end;
  PTHVIEW_TRY(ReadZip64(source, &end, &fields, &place.notes));
  place.size = fields.size;
  place.entries = fields.entries;
  if (fields.size > end) return Corrupt(end_record, "the end record promises a central directory larger than the file");

  const uint64_t adjacent = end - fields.size;
  bool at_adjacent = fields.size == 0 && fields.entries == 0;
  bool at_promised = false;
  if (!at_adjacent) {
    PTHVIEW_ASSIGN(uint32_t signature, SignatureAt(source, adjacent));
    at_adjacent = signature == kCentralSignature;
    if (fields.offset < adjacent) {
      PTHVIEW_ASSIGN(signature, SignatureAt(source, fields.offset));
      at_promised = signature == kCentralSignature;
    }
  }
  if (at_adjacent && fields.offset <= adjacent) {
    place.offset = adjacent;
    place.start = adjacent - fields.offset;
    if (at_promised) {
      place.notes.push_back({Severity::kDanger, "zip-two-directories", "",
                             "There are central directories at byte " + std::to_string(adjacent) + " and at byte " +
                                 std::to_string(fields.offset) +
                                 ": torch may read the second, Python and this program read the first."});
    }
    return place;
  }
  if (at_promised) {
    place.offset = fields.offset;
    place.notes.push_back(
        {Severity::kWarning, "zip-gap", "",
         std::to_string(adjacent - fields.offset) +
             " bytes that belong to nothing stand between the central directory and its end record."});
    return place;
  }
  return Corrupt(end_record, "the end record leads to no central directory");
}

// What stands in front of an archive that does not start at byte 0.
Status DescribeStart(const ByteSource& source, Place* place) {
  PTHVIEW_ASSIGN(uint32_t head, SignatureAt(source, 0));
  PTHVIEW_ASSIGN(uint32_t before, SignatureAt(source, place->start >= kEndSize ? place->start - kEndSize : 0));
  const std::string count = std::to_string(place->start);
  if (head == kLocalSignature || before == kEndSignature) {
    place->notes.push_back(
        {Severity::kWarning, "zip-concatenated", "",
         "Several archives follow each other; only the last one, from byte " + count + ", is read."});
  } else {
    place->notes.push_back(
        {Severity::kWarning, "zip-prefix-bytes", "", count + " bytes that are not part of it precede the archive."});
  }
  return Ok();
}

}  // namespace

Result<Place> FindDirectory(const ByteSource& source) {
  Error failure{ErrorCode::kUnrecognized, "there is no zip end record in the last 64 KB"};
  // The end record nearly always is the last thing; the larger tail is read for long comments only.
  for (uint64_t most : {kSmallTail, kLargestTail}) {
    const uint64_t length = std::min(source.size(), most);
    if (length < kEndSize) break;
    PTHVIEW_ASSIGN(const std::vector<std::byte> tail, source.Read(source.size() - length, length));
    const uint64_t tail_start = source.size() - length;
    // Backwards: like torch and Python, the last one that works is taken.
    std::optional<Place> chosen;
    for (uint64_t at = length - kEndSize + 1; at-- > 0;) {
      if (tail[at] != std::byte{'P'} || LoadLittle<uint32_t>(tail.data() + at) != kEndSignature) continue;
      const uint64_t comment = LoadLittle<uint16_t>(tail.data() + at + 20);
      const uint64_t rest = length - at - kEndSize;
      if (chosen) {  // an earlier one counts only when its comment hides the one that was chosen
        if (comment != rest) continue;
        chosen->notes.push_back({Severity::kDanger, "zip-end-record", "",
                                 "An end record stands inside the comment of another one, so that other programs may "
                                 "see other records; the last one is used."});
        break;
      }
      Result<Place> place = Follow(source, tail_start + at, std::span(tail).subspan(at, kEndSize));
      if (!place) {
        if (place.error().code != ErrorCode::kCorrupt) return std::move(place).error();
        if (failure.code == ErrorCode::kUnrecognized) failure = std::move(place).error();
        continue;
      }
      if (comment != rest && place->start != 0) {
        PTHVIEW_ASSIGN(const uint32_t head, SignatureAt(source, 0));
        if (head == kLocalSignature) {  // the end of an archive inside an archive that was cut short
          failure = Corrupt(tail_start + at, "the last end record is that of an archive inside this one");
          continue;
        }
      }
      chosen = std::move(*place);
      if (comment != rest) {
        chosen->notes.push_back({Severity::kWarning, "zip-trailing-bytes", "",
                                 "The end record announces " + std::to_string(comment) + " bytes of comment, but " +
                                     std::to_string(rest) + " bytes follow it."});
      }
    }
    if (chosen) {
      if (chosen->start != 0) PTHVIEW_TRY(DescribeStart(source, &*chosen));
      return std::move(*chosen);
    }
    if (length == source.size()) break;
  }
  return failure;
}

}  // namespace pthview::zip
