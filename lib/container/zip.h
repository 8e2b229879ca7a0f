// Zip archives as PyTorch and its neighbours write them: where each record lies, without reading its data.
// Source: APPNOTE.TXT 6.3.10 (sections 4.3, 4.4, 4.5.3); caffe2/serialize/inline_container.cc for alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/finding.h"
#include "lib/base/result.h"
#include "lib/base/source.h"

namespace pthview {

namespace zip {
struct Place;
}

struct ZipRecord {
  std::string_view name;  // raw bytes as the central directory has them, prefix included; lives as long as the archive
  uint64_t header = 0;    // offset of the local header in the source
  uint64_t offset = 0;    // offset of the first data byte in the source
  uint64_t stored = 0;    // bytes in the source
  uint64_t size = 0;      // bytes after inflating
  uint32_t crc = 0;       // 0 when the writer did not record it
  uint16_t method = 0;    // 0 stored, 8 deflated
  uint16_t flags = 0;     // general purpose flags of the central directory
  // False when its bytes lie outside the source or run into the next record, when its local header is missing, when its
  // sizes contradict each other or its method is unknown; a finding says which. Bytes that are merely marked as
  // encrypted stay readable: the mark is a known way to keep scanners out, and Read tells when the bytes are not
  // usable.
  bool readable = true;
};

// True when `head`, the first bytes of a source, begins a zip archive. An archive behind other bytes (a stub, junk) is
// found by ZipArchive::Open alone, through its end record.
bool LooksLikeZip(std::span<const std::byte> head);

// Where the record's data begins, by its local header, which is read. Errors as of ByteSource::ReadAt; kCorrupt when no
// local header stands there.
Result<uint64_t> DataOffset(const ByteSource& source, const ZipRecord& record);

// A record of an archive that is no zip, for ZipArchive::OfRecords: it lies in the source as it is.
struct PlainRecord {
  std::string name;  // prefix included
  uint64_t offset = 0;
  uint64_t size = 0;
};

// "Deflate64 (method 9)"; "method 42" for those that have no name.
std::string ZipMethodName(uint16_t method);

class ZipArchive {
 public:
  // Something to do on another core while a large archive is opened. It is shown some dozens of records, the first of
  // the central directory, borrowed for the call; `offset` and `readable` are not known yet, and whether the rest of
  // the archive agrees is not either.
  using Meanwhile = std::function<void(std::span<const ZipRecord> first)>;

  // Reads the end record, the central directory and every local header (batched, so that 50,000 small records cost a
  // few large reads). When the central directory is missing or broken the archive is rebuilt from local headers and a
  // finding says so. Names in which '\\' stands for '/' throughout (written by old programs of Windows) are turned. Odd
  // but readable things (overlaps, twins by case, local/central mismatches, encryption flags, lying zip64 fields,
  // prefix bytes before the archive, several archives in a row) become findings, whose codes begin with "zip-". Of
  // several archives in a row the last one is read. `source` must outlive the archive; `findings` must not be null.
  // kUnrecognized, after reading no more than the ends of the source, when it is no zip archive at all; kCorrupt when
  // it is one of which nothing can be recovered. `meanwhile` is called at most once: not for small archives, distant
  // ones, or those without an end record.
  static Result<ZipArchive> Open(const ByteSource& source, Findings* findings, const Meanwhile& meanwhile = {});

  // The same view of records that another container or a folder holds; those that do not lie in the source are not
  // readable. `source` must outlive the archive.
  static ZipArchive OfRecords(const ByteSource& source, const std::vector<PlainRecord>& records);

  ZipArchive(ZipArchive&&) noexcept = default;
  ZipArchive& operator=(ZipArchive&&) noexcept = default;
  ZipArchive(const ZipArchive&) = delete;  // names and prefix are views into directory_
  ZipArchive& operator=(const ZipArchive&) = delete;
  ~ZipArchive() = default;

  const ByteSource& source() const { return *source_; }

  // Offset of the archive in the source: 0 unless bytes stand before it (junk, a stub, other archives).
  uint64_t start() const { return start_; }

  // In the order of the central directory. Folder entries (names ending in '/') are left out.
  const std::vector<ZipRecord>& records() const { return records_; }

  // The text before the first '/' of the first entry; empty when the first entry has none. That is where torch looks
  // for its records.
  std::string_view prefix() const { return prefix_; }
  // Another folder of the archive, "download/model", in which its records stand; "" is its top.
  void SetPrefix(std::string_view folder) { prefix_ = folder; }

  // By full name; the exact name first, else ignoring ASCII case (as torch does). Of several records of one name the
  // first in the central directory is meant; torch (miniz) takes whichever its binary search meets, Python's zipfile
  // the last, and Open reports such names. Null when there is none.
  const ZipRecord* Find(std::string_view full_name) const;
  // The same; `guess` is where the record probably stands in records(), which saves the look-up when it is right.
  const ZipRecord* Find(std::string_view full_name, size_t guess) const;
  // By name below prefix(): FindInPrefix("data.pkl") finds "archive/data.pkl".
  const ZipRecord* FindInPrefix(std::string_view name) const;

  // The record's bytes, inflated when deflated. Memory is bounded by `limit` (kLimit beyond) and by what the stored
  // bytes can inflate to (a lying size is kCorrupt). The CRC is checked when the writer recorded one; a mismatch
  // is kCorrupt only for inflated data, and a finding of the caller's otherwise (torch loads such files).
  Result<std::vector<std::byte>> Read(const ZipRecord& record, uint64_t limit) const;

 private:
  struct Index;  // hash of names
  ZipArchive() = default;
  static Result<ZipArchive> OpenAt(Result<zip::Place> place, const ByteSource& source, Findings* findings);
  // Puts every record into index_; returns those whose name, but for case, an earlier one has.
  std::vector<uint32_t> BuildIndex();
  void ReportTwins(std::span<const uint32_t> twins, Findings* findings);

  const ByteSource* source_ = nullptr;
  uint64_t start_ = 0;
  std::vector<std::byte> directory_;  // the central directory, or the names alone after a rebuild
  std::vector<ZipRecord> records_;
  std::string prefix_;
  std::shared_ptr<Index> index_;
};

}  // namespace pthview
