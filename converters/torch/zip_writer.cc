#include "converters/torch/zip_writer.h"

#include <cstring>
#include <utility>

#include "lib/base/crc32.h"
#include "lib/base/progress.h"
#include "lib/base/threads.h"

namespace pthview {
namespace {

constexpr uint64_t kBlock = uint64_t{1} << 20;
constexpr uint64_t kTwoThreads = uint64_t{4} << 20;  // shorter copies are done before a thread has begun
constexpr uint64_t kWorthAPage = uint64_t{64} << 10;
constexpr uint32_t k32 = UINT32_MAX;   // "in the zip64 field"
constexpr uint16_t kFlags = 0x0808;    // names are UTF-8; the checksum follows the data
constexpr uint16_t kPadding = 0x4246;  // "FB", the extra field that torch pads with
constexpr uint16_t kZip64 = 1;

class Bytes {
 public:
  template <typename T>
  Bytes& Put(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    text_.append(bytes, sizeof bytes);
    return *this;
  }
  Bytes& Put16(uint64_t value) { return Put(static_cast<uint16_t>(value)); }
  Bytes& Put32(uint64_t value) { return Put(static_cast<uint32_t>(value)); }
  Bytes& Put64(uint64_t value) { return Put(value); }
  Bytes& Text(std::string_view text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The time is always the same: equal input gives equal bytes. 1980-01-01, the earliest that there is.
constexpr uint16_t kTime = 0;
constexpr uint16_t kDate = 0x21;

}  // namespace

Status StoredZipWriter::Add(std::string_view name, std::string_view bytes) {
  PTHVIEW_TRY(Begin(name, bytes.size()));
  PTHVIEW_TRY(Write(std::as_bytes(std::span(bytes))));
  return End();
}

//   4  PK\3\4   2 version  2 flags  2 method  2 time  2 date  4 crc  4 size  4 size  2 name  2 extra
//   name, zip64 field when large (2 id, 2 length, 8 size, 8 size), padding (2 id, 2 length, zeros)
Status StoredZipWriter::Begin(std::string_view name, uint64_t size, uint64_t offset) {
  const bool large = size >= k32;
  const uint64_t header = out_.position();
  const uint64_t fixed = header + 30 + name.size() + (large ? 20 : 0) + 4;
  uint64_t data = (fixed + kAlignment - 1) / kAlignment * kAlignment;
  if (size >= kWorthAPage && offset % kAlignment == 0) data += (offset - data) % OutputFile::kPage;
  Bytes bytes;
  bytes.Text("PK\3\4").Put16(large ? 45 : 20).Put16(kFlags).Put16(0).Put16(kTime).Put16(kDate);
  // Sizes are known, the checksum is not.
  bytes.Put32(0).Put32(large ? k32 : size).Put32(large ? k32 : size);
  bytes.Put16(name.size()).Put16(data - header - 30 - name.size()).Text(name);
  if (large) bytes.Put16(kZip64).Put16(16).Put64(size).Put64(size);
  bytes.Put16(kPadding).Put16(data - fixed).Text(std::string(data - fixed, 'Z'));
  entries_.push_back({.name = std::string(name), .header = header, .size = size});
  return out_.Write(bytes.text());
}

Status StoredZipWriter::Write(std::span<const std::byte> bytes) {
  entries_.back().crc = Crc32(entries_.back().crc, bytes);
  return out_.Write(bytes);
}

Status StoredZipWriter::CopyFrom(const ByteSource& source, uint64_t offset) {
  Entry& entry = entries_.back();
  std::vector<std::byte> block;
  auto each_block = [&](auto use) -> Status {
    for (uint64_t done = 0; done < entry.size; done += block.size()) {
      if (Progress::Interrupted()) return Error{ErrorCode::kInterrupted, "interrupted"};
      block.resize(static_cast<size_t>(std::min(kBlock, entry.size - done)));
      PTHVIEW_TRY(source.ReadAt(offset + done, block));
      PTHVIEW_TRY(use());
    }
    return Ok();
  };
  if (entry.size < kTwoThreads || out_.observed() || source.descriptor() < 0) {
    return each_block([&] { return Write(block); });
  }
  // The kernel copies on one core while the checksum is taken on the other.
  Status copied;
  Status summed;
  InParallel([&] { copied = out_.CopyFrom(source, offset, entry.size); },
             [&] {
               summed = each_block([&]() -> Status {
                 entry.crc = Crc32(entry.crc, block);
                 return Ok();
               });
             });
  PTHVIEW_TRY(copied);
  return summed;
}

//   4  PK\7\8   4 crc  4 or 8 size  4 or 8 size
Status StoredZipWriter::End() {
  const Entry& entry = entries_.back();
  Bytes bytes;
  bytes.Text("PK\7\10").Put32(entry.crc);
  if (entry.size >= k32) {
    bytes.Put64(entry.size).Put64(entry.size);
  } else {
    bytes.Put32(entry.size).Put32(entry.size);
  }
  return out_.Write(bytes.text());
}

//   4  PK\1\2  2 made by  2 version  2 flags  2 method  2 time  2 date  4 crc  4 size  4 size  2 name  2 extra
//   2 comment  2 disk  2 internal  4 external  4 header; name; zip64 field of what does not fit
//   then the end of the directory, with those of zip64 before it when anything does not fit
Status StoredZipWriter::Finish() {
  const uint64_t directory = out_.position();
  for (const Entry& entry : entries_) {
    Bytes field;
    const bool large = entry.size >= k32;
    const bool far = entry.header >= k32;
    if (large) field.Put64(entry.size).Put64(entry.size);
    if (far) field.Put64(entry.header);
    const bool zip64 = large || far;
    Bytes bytes;
    bytes.Text("PK\1\2").Put16(0).Put16(zip64 ? 45 : 20).Put16(kFlags).Put16(0).Put16(kTime).Put16(kDate);
    bytes.Put32(entry.crc).Put32(large ? k32 : entry.size).Put32(large ? k32 : entry.size);
    bytes.Put16(entry.name.size()).Put16(zip64 ? field.text().size() + 4 : 0).Put16(0).Put16(0).Put16(0).Put32(0);
    bytes.Put32(far ? k32 : entry.header).Text(entry.name);
    if (zip64) bytes.Put16(kZip64).Put16(field.text().size()).Text(field.text());
    PTHVIEW_TRY(out_.Write(bytes.text()));
  }
  const uint64_t end = out_.position();
  const uint64_t count = entries_.size();
  const bool zip64 = end >= k32 || count >= UINT16_MAX;
  Bytes bytes;
  if (zip64) {
    bytes.Text("PK\6\6").Put64(44).Put16(45).Put16(45).Put32(0).Put32(0);
    bytes.Put64(count).Put64(count).Put64(end - directory).Put64(directory);
    bytes.Text("PK\6\7").Put32(0).Put64(end).Put32(1);
  }
  bytes.Text("PK\5\6").Put16(0).Put16(0);
  bytes.Put16(zip64 ? UINT16_MAX : count).Put16(zip64 ? UINT16_MAX : count);
  bytes.Put32(zip64 ? k32 : end - directory).Put32(zip64 ? k32 : directory).Put16(0);
  return out_.Write(bytes.text());
}

}  // namespace pthview
