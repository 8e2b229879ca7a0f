// Local headers that need not be read: where a record's data lies, told from what stands around it.
//
//   header | name | extras | data, `stored` bytes | descriptor | header of the next record, or the central directory
//
// Header, name and stored size are known from the central directory. Without a descriptor (flag 3) the data ends where
// the next header starts. With one there are 12 to 24 bytes between them; torch pads the extras so that data starts at
// a multiple of 64, and only one length of descriptor leaves it there.
#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "lib/container/zip_internal.h"

namespace pthview::zip {
namespace {

constexpr uint64_t kTorchAlignment = 64;
constexpr uint64_t kLargestPadding = 1 << 14;  // torch can be asked to align at pages

// Of archives that are not torch's: nothing, zip64 sizes (Python), times and owner (Info-ZIP). With any other length
// the space may as well be a gap between records.
constexpr uint64_t kUsualExtras[] = {0, 20, 28};

// Signature or none; sizes of 4 or 8 bytes.
constexpr uint64_t kDescriptorSizes[] = {12, 16, 20, 24};

std::optional<uint64_t> DataOffset(const ZipRecord& record, uint64_t end) {
  const uint64_t least = record.header + kLocalSize + record.name.size();
  if (record.stored > end || end - record.stored < least) return std::nullopt;
  const uint64_t space = end - record.stored - least;  // of extras and descriptor
  if ((record.flags & kFlagDescriptor) == 0) {
    const bool usual = std::find(std::begin(kUsualExtras), std::end(kUsualExtras), space) != std::end(kUsualExtras);
    return usual ? std::optional(least + space) : std::nullopt;
  }
  for (uint64_t descriptor : kDescriptorSizes) {
    if (descriptor > space || space - descriptor > kLargestPadding) continue;
    const uint64_t offset = least + space - descriptor;
    if (offset % kTorchAlignment == 0) return offset;
  }
  return std::nullopt;
}

}  // namespace

std::vector<uint32_t> AssumeLocalHeaders(const DistantSource& source, uint64_t directory,
                                         std::span<const uint32_t> order, std::span<ZipRecord> records,
                                         Findings* findings) {
  std::vector<uint32_t> unread;
  std::vector<Assumption> assumptions;
  size_t count = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    ZipRecord& record = records[order[i]];
    const uint64_t end = i + 1 < order.size() ? records[order[i + 1]].header : directory;
    const bool twin = i > 0 && records[order[i - 1]].header == record.header;
    const auto offset = record.readable && !twin && end > record.header && end <= source.size()
                            ? DataOffset(record, end)
                            : std::nullopt;
    if (!offset) {
      unread.push_back(order[i]);
      continue;
    }
    ++count;
    record.offset = *offset;
    const uint64_t extra = *offset - record.header - kLocalSize - record.name.size();
    const uint64_t lengths = record.name.size() | extra << 16;
    const uint64_t data_end = *offset + record.stored;
    assumptions.push_back({*offset, data_end, record.header, kLocalSignature, 4});
    assumptions.push_back({*offset, data_end, record.header + 26, lengths, 4});
  }
  source.Assume(assumptions);
  if (count > 0) {
    findings->Add(Severity::kInfo, "zip-local-unread", "",
                  "The local headers of " + std::to_string(count) +
                      " records were not fetched. Where data lies follows from the central directory, and is checked "
                      "when it is read; whether the headers tell other names can be seen in a copy of the file.");
  }
  return unread;
}

}  // namespace pthview::zip
