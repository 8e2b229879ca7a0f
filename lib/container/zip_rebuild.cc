// Listing the records of an archive whose central directory is missing or broken, from one pass over the file.
//
// A local header (drawn in zip_local.cc) that knows its sizes leads to the next one. torch's headers do not; there a
// data descriptor follows the data:
//
//   0 u32 "PK\7\10"    4 u32 CRC-32    8 u32 or u64 stored size    12 or 16 u32 or u64 size
//
// A descriptor belongs to the record whose data starts as many bytes in front of it as its stored size says. That is as
// good as certain, while signatures alone also occur in weights and in archives inside archives.
#include <algorithm>
#include <cstring>

#include "lib/base/bytes.h"
#include "lib/container/zip_internal.h"

namespace pthview::zip {
namespace {

constexpr size_t kChunk = size_t{1} << 20;
constexpr size_t kMostMarks = size_t{1} << 22;
constexpr uint64_t kDescriptorSize64 = 24;
constexpr size_t kLookAhead = kLocalSize;  // the longest thing that is looked at

struct Descriptor {
  uint64_t data;  // where its record's data would start
  uint64_t at;
};

struct Marks {
  std::vector<uint64_t> headers;        // local headers that could be real
  std::vector<uint64_t> ends;           // entries of a central directory
  std::vector<Descriptor> descriptors;  // by `data` once Scan is done
};

bool PlausibleHeader(const std::byte* at) {
  const auto method = LoadLittle<uint16_t>(at + 8);
  const auto name_length = LoadLittle<uint16_t>(at + 26);
  return LoadLittle<uint16_t>(at + 4) < 100 && (method == kStored || method == kDeflated) && name_length != 0;
}

void AddDescriptor(const std::byte* bytes, uint64_t at, std::vector<Descriptor>* descriptors) {
  const uint64_t narrow = LoadLittle<uint32_t>(bytes + 8);
  const auto wide = LoadLittle<uint64_t>(bytes + 8);
  for (uint64_t stored : {narrow, wide}) {
    if (stored <= at && at - stored > kLocalSize) descriptors->push_back({at - stored, at});
    if (narrow == wide) break;
  }
}

Status Scan(const ByteSource& source, Marks* marks) {
  std::vector<std::byte> buffer(static_cast<size_t>(std::min<uint64_t>(kChunk, source.size())) + kLookAhead);
  for (uint64_t start = 0; start < source.size(); start += kChunk) {
    const auto length = static_cast<size_t>(std::min<uint64_t>(buffer.size(), source.size() - start));
    PTHVIEW_TRY(source.ReadAt(start, std::span(buffer).first(length)));
    // Zeros behind the end of the file stand in for bytes that are not there.
    std::fill(buffer.begin() + static_cast<ptrdiff_t>(length), buffer.end(), std::byte{0});
    const std::byte* const begin = buffer.data();
    const std::byte* const end = begin + std::min(length, kChunk);
    for (const std::byte* at = begin; at < end; ++at) {
      at = static_cast<const std::byte*>(std::memchr(at, 'P', static_cast<size_t>(end - at)));
      if (at == nullptr) break;
      const auto signature = LoadLittle<uint32_t>(at);
      const uint64_t offset = start + static_cast<uint64_t>(at - begin);
      if (signature == kLocalSignature && PlausibleHeader(at)) marks->headers.push_back(offset);
      if (signature == kCentralSignature) marks->ends.push_back(offset);
      if (signature == kDescriptorSignature) AddDescriptor(at, offset, &marks->descriptors);
    }
    if (std::max({marks->headers.size(), marks->ends.size(), marks->descriptors.size()}) > kMostMarks) {
      return Error{ErrorCode::kLimit, "the central directory is missing, and there are more than the " +
                                          std::to_string(kMostMarks) + " signs of records that it can be rebuilt from"};
    }
  }
  std::sort(marks->descriptors.begin(), marks->descriptors.end(),
            [](const Descriptor& a, const Descriptor& b) { return a.data != b.data ? a.data < b.data : a.at < b.at; });
  return Ok();
}

// The first of sorted `offsets` that is not below `from`; `none` when all are.
uint64_t FirstFrom(const std::vector<uint64_t>& offsets, uint64_t from, uint64_t none) {
  const auto found = std::lower_bound(offsets.begin(), offsets.end(), from);
  return found == offsets.end() ? none : *found;
}

// Finds where the data of a record whose header does not know it ends.
Status FindEnd(const ByteSource& source, const Marks& marks, ZipRecord* record, Findings* findings) {
  const auto found = std::lower_bound(marks.descriptors.begin(), marks.descriptors.end(), record->offset,
                                      [](const Descriptor& d, uint64_t data) { return d.data < data; });
  if (found != marks.descriptors.end() && found->data == record->offset) {
    record->stored = found->at - found->data;
    std::byte bytes[kDescriptorSize64] = {};
    const uint64_t length = std::min<uint64_t>(sizeof(bytes), source.size() - found->at);
    PTHVIEW_TRY(source.ReadAt(found->at, std::span(bytes).first(static_cast<size_t>(length))));
    record->crc = LoadLittle<uint32_t>(bytes + 4);
    const bool wide = LoadLittle<uint64_t>(bytes + 8) == record->stored;
    record->size = wide ? LoadLittle<uint64_t>(bytes + 16) : LoadLittle<uint32_t>(bytes + 12);
    return Ok();
  }
  const uint64_t end = std::min(FirstFrom(marks.headers, record->offset, source.size()),
                                FirstFrom(marks.ends, record->offset, source.size()));
  record->stored = end - record->offset;
  record->size = record->stored;
  record->readable = record->method == kStored;
  findings->Add(Severity::kWarning, "zip-record-cut", Where(*record),
                record->readable ? "Nothing tells where the record ends; everything up to the next one is taken."
                                 : "Nothing tells where the deflated record ends; it is not read.");
  return Ok();
}

}  // namespace

Status Rebuild(const ByteSource& source, std::vector<std::byte>* names, std::vector<ZipRecord>* records,
               Findings* findings) {
  names->clear();
  records->clear();
  Marks marks;
  PTHVIEW_TRY(Scan(source, &marks));
  std::vector<std::byte> text;
  std::vector<size_t> name_lengths;
  uint64_t at = FirstFrom(marks.headers, 0, source.size());
  while (at < source.size() && source.size() - at >= kLocalSize) {
    std::byte header[kLocalSize];
    PTHVIEW_TRY(source.ReadAt(at, header));
    const uint64_t name_length = LoadLittle<uint16_t>(header + 26);
    const uint64_t text_length = name_length + LoadLittle<uint16_t>(header + 28);
    ZipRecord record;
    record.header = at;
    record.offset = at + kLocalSize + text_length;
    if (record.offset > source.size()) {  // cut inside its header, or no header
      at = FirstFrom(marks.headers, at + 1, source.size());
      continue;
    }
    text.resize(static_cast<size_t>(text_length));
    PTHVIEW_TRY(source.ReadAt(at + kLocalSize, text));
    const std::string_view chars(reinterpret_cast<const char*>(text.data()), text.size());
    record.name = chars.substr(0, static_cast<size_t>(name_length));
    record.flags = LoadLittle<uint16_t>(header + 6);
    record.method = LoadLittle<uint16_t>(header + 8);
    record.crc = LoadLittle<uint32_t>(header + 14);
    record.stored = LoadLittle<uint32_t>(header + 18);
    record.size = LoadLittle<uint32_t>(header + 22);
    Zip64Field wide = FindZip64(chars.substr(static_cast<size_t>(name_length)));
    if (record.size == kSaturated32) record.size = wide.Next().value_or(record.size);
    if (record.stored == kSaturated32) record.stored = wide.Next().value_or(record.stored);
    if ((record.flags & kFlagDescriptor) != 0 && record.stored == 0) {
      PTHVIEW_TRY(FindEnd(source, marks, &record, findings));
    }

    // A size that leaves the file is not believed when looking for the next record.
    const bool inside = record.stored <= source.size() - record.offset;
    at = FirstFrom(marks.headers, inside ? record.offset + record.stored : record.offset, source.size());
    if (record.name.ends_with('/')) continue;
    names->insert(names->end(), text.begin(), text.begin() + static_cast<ptrdiff_t>(name_length));
    name_lengths.push_back(static_cast<size_t>(name_length));
    records->push_back(record);
  }
  // Only now does *names rest where it is.
  const char* name = reinterpret_cast<const char*>(names->data());
  for (size_t i = 0; i < records->size(); ++i) {
    (*records)[i].name = {name, name_lengths[i]};
    name += name_lengths[i];
  }
  return Ok();
}

}  // namespace pthview::zip
