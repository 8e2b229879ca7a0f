// Writes zip archives by hand, byte by byte, so that tests can make each of their parts lie.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

#include "lib/base/finding.h"
#include "lib/base/source.h"
#include "lib/container/zip.h"

namespace pthview {

template <typename T>
void Put(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(T));
}

inline std::string RawDeflate(std::string_view data, int window_bits = -MAX_WBITS) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, data.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline uint32_t Crc(std::string_view data) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

// One record. Everything optional replaces the truth in one place.
struct ZipEntry {
  std::string name;
  std::string data;
  bool deflate = false;
  bool torch = false;  // as torch writes: sizes in a descriptor, data at a multiple of 64
  bool zip64 = false;  // sizes and offset of the central entry stand in its zip64 field
  uint16_t flags = 0;
  std::optional<uint16_t> method, local_method;
  std::optional<std::string> local_name;
  std::optional<uint64_t> stored, size, header, local_stored;
  std::optional<uint32_t> crc;
  std::optional<size_t> zip64_bytes;  // cuts the zip64 field to so many bytes
};

class ZipBuilder {
 public:
  // Offsets are counted from here: bytes that `out` holds in front are not part of the archive.
  explicit ZipBuilder(std::string out = {}) : out_(std::move(out)), start_(out_.size()) {}

  uint64_t position() const { return out_.size() - start_; }

  ZipBuilder& Add(const ZipEntry& entry) {
    const std::string bytes = entry.deflate ? RawDeflate(entry.data) : entry.data;
    const uint32_t crc = Crc(entry.data);
    const auto flags = static_cast<uint16_t>(entry.flags | (entry.torch ? 0x0808 : 0));
    const auto method = static_cast<uint16_t>(entry.deflate ? 8 : 0);
    const std::string local_name = entry.local_name.value_or(entry.name);
    const uint64_t header = position();
    std::string extra;
    if (entry.torch) {
      const uint64_t used = header + 30 + local_name.size() + 4;
      extra = "FB";
      const auto padding = static_cast<uint16_t>((64 - used % 64) % 64);
      Put(&extra, padding);
      extra.append(padding, 'Z');
    }
    out_ += std::string("PK\3\4", 4);
    Put<uint16_t>(&out_, 20);
    Put(&out_, flags);
    Put(&out_, entry.local_method.value_or(entry.method.value_or(method)));
    Put<uint32_t>(&out_, 0);
    Put<uint32_t>(&out_, entry.torch ? 0 : crc);
    Put(&out_, static_cast<uint32_t>(entry.local_stored.value_or(entry.torch ? 0 : bytes.size())));
    Put(&out_, static_cast<uint32_t>(entry.torch ? 0 : entry.data.size()));
    Put(&out_, static_cast<uint16_t>(local_name.size()));
    Put(&out_, static_cast<uint16_t>(extra.size()));
    out_ += local_name + extra + bytes;
    if (entry.torch) {
      out_ += std::string("PK\7\10", 4);
      Put(&out_, crc);
      Put(&out_, static_cast<uint32_t>(bytes.size()));
      Put(&out_, static_cast<uint32_t>(entry.data.size()));
    }

    const uint64_t size = entry.size.value_or(entry.data.size());
    const uint64_t stored = entry.stored.value_or(bytes.size());
    const uint64_t offset = entry.header.value_or(header);
    std::string wide;
    if (entry.zip64) {
      std::string values;
      for (uint64_t value : {size, stored, offset}) Put(&values, value);
      values.resize(entry.zip64_bytes.value_or(values.size()));
      Put<uint16_t>(&wide, 1);
      Put(&wide, static_cast<uint16_t>(values.size()));
      wide += values;
    }
    const auto narrow = [&](uint64_t value) { return entry.zip64 ? 0xFFFFFFFF : static_cast<uint32_t>(value); };
    directory_ += std::string("PK\1\2", 4);
    Put<uint32_t>(&directory_, 20 << 16 | 20);
    Put(&directory_, flags);
    Put(&directory_, entry.method.value_or(method));
    Put<uint32_t>(&directory_, 0);
    Put(&directory_, entry.crc.value_or(crc));
    Put(&directory_, narrow(stored));
    Put(&directory_, narrow(size));
    Put(&directory_, static_cast<uint16_t>(entry.name.size()));
    Put(&directory_, static_cast<uint16_t>(wide.size()));
    directory_.append(10, '\0');
    Put(&directory_, narrow(offset));
    directory_ += entry.name + wide;
    ++entries_;
    return *this;
  }

  // What Finish writes, for tests to change first.
  bool zip64_end = false;
  std::string comment;
  std::string gap;  // between the central directory and the end records
  std::optional<uint64_t> entries, directory_offset, locator_offset;
  std::optional<uint32_t> plain_size;  // of the end record, when the zip64 one tells another

  std::string Finish() {
    const uint64_t offset = directory_offset.value_or(position());
    const uint64_t count = entries.value_or(entries_);
    out_ += directory_ + gap;
    const uint64_t end64 = position();
    if (zip64_end) {
      out_ += std::string("PK\6\6", 4);
      Put<uint64_t>(&out_, 44);
      Put<uint32_t>(&out_, 45 << 16 | 45);
      Put<uint64_t>(&out_, 0);
      Put(&out_, count);
      Put(&out_, count);
      Put<uint64_t>(&out_, directory_.size());
      Put(&out_, offset);
      out_ += std::string("PK\6\7", 4);
      Put<uint32_t>(&out_, 0);
      Put(&out_, locator_offset.value_or(end64));
      Put<uint32_t>(&out_, 1);
    }
    out_ += std::string("PK\5\6", 4);
    Put<uint32_t>(&out_, 0);
    Put(&out_, static_cast<uint16_t>(zip64_end ? 0xFFFF : count));
    Put(&out_, static_cast<uint16_t>(zip64_end ? 0xFFFF : count));
    Put(&out_, plain_size.value_or(zip64_end ? 0xFFFFFFFF : static_cast<uint32_t>(directory_.size())));
    Put(&out_, zip64_end ? 0xFFFFFFFF : static_cast<uint32_t>(offset));
    Put(&out_, static_cast<uint16_t>(comment.size()));
    return std::move(out_) + comment;
  }

 private:
  std::string out_;
  uint64_t start_;
  std::string directory_;
  uint64_t entries_ = 0;
};

// An archive as torch.save writes it.
inline ZipBuilder TorchArchive() {
  ZipBuilder zip;
  zip.zip64_end = true;
  zip.Add({.name = "archive/data.pkl", .data = "\x80\x02}q.", .torch = true});
  zip.Add({.name = "archive/data/0", .data = std::string(100, 'w'), .torch = true});
  zip.Add({.name = "archive/version", .data = "3\n", .torch = true});
  return zip;
}

inline std::unique_ptr<ByteSource> Memory(std::string_view bytes) {
  std::vector<std::byte> copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return OpenMemory("test.pth", std::move(copy));
}

// An opened archive, or the error, and the findings of opening.
struct Opened {
  std::unique_ptr<ByteSource> source;
  std::optional<ZipArchive> archive;
  Error error;
  std::vector<Finding> findings;

  bool Has(std::string_view code) const {
    for (const Finding& finding : findings) {
      if (finding.code == code) return true;
    }
    return false;
  }
  // The record's bytes; "error: <code>" when it cannot be read, "none" when it is not there.
  std::string Text(std::string_view name, uint64_t limit = 1 << 24) const {
    const ZipRecord* record = archive->Find(name);
    if (record == nullptr) return "none";
    auto bytes = archive->Read(*record, limit);
    if (!bytes) return std::string("error: ") + ErrorCodeName(bytes.error().code);
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }
};

inline Opened OpenZip(std::unique_ptr<ByteSource> source) {
  Opened opened;
  opened.source = std::move(source);
  Findings findings;
  auto archive = ZipArchive::Open(*opened.source, &findings);
  if (archive) {
    opened.archive.emplace(std::move(*archive));
  } else {
    opened.error = std::move(archive).error();
  }
  opened.findings = std::move(findings).Take();
  return opened;
}

inline Opened OpenZip(std::string_view bytes) { return OpenZip(Memory(bytes)); }

}  // namespace pthview
