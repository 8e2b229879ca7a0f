#include "lib/container/zip.h"

#include <algorithm>
#include <string>
#include <utility>

#include <zlib.h>

#include "lib/base/bytes.h"
#include "lib/base/threads.h"
#include "lib/container/gzip.h"
#include "lib/container/zip_index.h"
#include "lib/container/zip_internal.h"

namespace pthview {
namespace {

// A central directory of more than this (20 million records) is no checkpoint.
constexpr uint64_t kLargestDirectory = uint64_t{1} << 30;

// From about here on starting a thread pays for itself.
constexpr size_t kWorthAThread = 8192;

// Bytes of the central directory that are parsed ahead of the rest: some dozens of entries.
constexpr uint64_t kFirstEntries = 4096;

uint32_t Crc32(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

Result<bool> StartsLikeZip(const ByteSource& source) {
  std::byte head[4];
  if (source.size() < sizeof(head)) return false;
  PTHVIEW_TRY(source.ReadAt(0, head));
  return LooksLikeZip(head);
}

std::string_view TextBeforeSlash(std::string_view name) {
  const size_t slash = name.find('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

// Names whose folders are told by backslashes alone: `model\data.pkl`.
bool HasBackslashesOnly(std::span<const ZipRecord> records) {
  bool any = false;
  for (const ZipRecord& record : records) {
    if (record.name.find('/') != std::string_view::npos) return false;
    any = any || record.name.find('\\') != std::string_view::npos;
  }
  return any;
}

}  // namespace

bool LooksLikeZip(std::span<const std::byte> head) {
  if (head.size() < 4) return false;
  const auto signature = LoadLittle<uint32_t>(head.data());
  return signature == zip::kLocalSignature || signature == zip::kEndSignature;
}

Result<ZipArchive> ZipArchive::Open(const ByteSource& source, Findings* findings, const Meanwhile& meanwhile) {
  auto place = zip::FindDirectory(source);
  if (!meanwhile || !place || place->entries < kWorthAThread || WorthAssuming(source) != nullptr) {
    return OpenAt(std::move(place), source, findings);
  }
  Result<ZipArchive> archive = Error{};
  const auto look_ahead = [&] {
    auto bytes = source.Read(place->offset, std::min(place->size, kFirstEntries));
    if (!bytes) return;
    std::vector<ZipRecord> first;
    std::string_view name;
    Findings unused;
    (void)zip::ParseDirectory(*place, *bytes, &first, &name, &unused);  // the last entry is cut short
    if (!first.empty()) meanwhile(first);
  };
  InParallel(look_ahead, [&] { archive = OpenAt(place, source, findings); });
  return archive;
}

Result<ZipArchive> ZipArchive::OpenAt(Result<zip::Place> place, const ByteSource& source, Findings* findings) {
  ZipArchive archive;
  archive.source_ = &source;
  std::string_view first;
  uint64_t directory = source.size();

  std::vector<uint32_t> twins;
  Status parsed;
  if (place) {
    if (place->size > kLargestDirectory) {
      return Error{ErrorCode::kLimit, "the central directory takes " + std::to_string(place->size) +
                                          " bytes, more than the " + std::to_string(kLargestDirectory) +
                                          " that are allowed"}
          .In(source.name());
    }
    auto bytes = source.Read(place->offset, place->size);
    if (!bytes) return std::move(bytes).error().In(source.name());
    archive.directory_ = std::move(*bytes);
    parsed = zip::ParseDirectory(*place, archive.directory_, &archive.records_, &first, findings);
    for (Finding& note : place->notes) {
      findings->Add(note.severity, note.code, std::move(note.where), std::move(note.text));
    }
    archive.start_ = place->start;
    directory = place->offset;
  } else {
    parsed = std::move(place).error();
  }

  if (parsed) {
    const std::vector<uint32_t> order = zip::OrderByHeader(archive.records_);
    const DistantSource* distant = WorthAssuming(source);
    const std::vector<uint32_t> unread =
        distant != nullptr ? zip::AssumeLocalHeaders(*distant, directory, order, archive.records_, findings) : order;
    // Neither needs what the other writes: names stand in the central directory, places in the local headers.
    Status read;
    const auto headers = [&] { read = zip::ReadLocalHeaders(source, unread, archive.records_, findings); };
    const auto index = [&] { twins = archive.BuildIndex(); };
    if (archive.records_.size() >= kWorthAThread) {
      InParallel(headers, index);
    } else {
      headers();
      index();
    }
    if (!read) return std::move(read).error().In(source.name());
    zip::CheckOverlaps(source.size(), directory, order, archive.records_, findings);
    if (HasBackslashesOnly(archive.records_)) {
      findings->Add(Severity::kWarning, "zip-backslash", "",
                    "Names have backslashes where others have slashes, as some programs of Windows write them: torch "
                    "finds none of the records. They are read as folders here.");
      const std::byte* begin = archive.directory_.data();
      for (const ZipRecord& record : archive.records_) {
        const auto at = archive.directory_.begin() + (reinterpret_cast<const std::byte*>(record.name.data()) - begin);
        std::replace(at, at + static_cast<ptrdiff_t>(record.name.size()), std::byte{'\\'}, std::byte{'/'});
      }
      twins = archive.BuildIndex();
    }
  } else {
    const ErrorCode code = parsed.error().code;
    if (code != ErrorCode::kCorrupt && code != ErrorCode::kUnrecognized)
      return std::move(parsed).error().In(source.name());
    if (code == ErrorCode::kUnrecognized) {
      PTHVIEW_ASSIGN(const bool zip, StartsLikeZip(source));
      if (!zip)
        return std::move(parsed).error().In(source.name()).Hint("it is not a zip archive, or its end is missing");
    }
    findings->Add(Severity::kWarning, "zip-rebuilt", "",
                  "The list of records was rebuilt from their local headers, because " + parsed.error().message +
                      (parsed.error().offset ? " (byte " + std::to_string(*parsed.error().offset) + ")" : "") +
                      ". The file may have been cut short.");
    archive.start_ = 0;
    if (Status rebuilt = zip::Rebuild(source, &archive.directory_, &archive.records_, findings); !rebuilt) {
      return std::move(rebuilt).error().In(source.name());
    }
    if (archive.records_.empty()) {
      return std::move(parsed).error().In(source.name()).Hint("no record could be recovered: download the file again");
    }
    first = archive.records_.front().name;
    const std::vector<uint32_t> order = zip::OrderByHeader(archive.records_);
    zip::CheckOverlaps(source.size(), source.size(), order, archive.records_, findings);
    twins = archive.BuildIndex();
  }
  zip::CheckRecords(archive.records_, findings);
  archive.prefix_ = TextBeforeSlash(first);
  archive.ReportTwins(twins, findings);
  return archive;
}

ZipArchive ZipArchive::OfRecords(const ByteSource& source, const std::vector<PlainRecord>& records) {
  ZipArchive archive;
  archive.source_ = &source;
  for (const PlainRecord& record : records) {
    const auto* name = reinterpret_cast<const std::byte*>(record.name.data());
    archive.directory_.insert(archive.directory_.end(), name, name + record.name.size());
  }
  const auto* text = reinterpret_cast<const char*>(archive.directory_.data());
  for (const PlainRecord& record : records) {
    ZipRecord row;
    row.name = {text, record.name.size()};
    text += record.name.size();
    row.header = row.offset = record.offset;
    row.stored = row.size = record.size;
    row.readable = record.offset <= source.size() && record.size <= source.size() - record.offset;
    archive.records_.push_back(row);
  }
  if (!archive.records_.empty()) archive.prefix_ = TextBeforeSlash(archive.records_.front().name);
  archive.BuildIndex();
  return archive;
}

Result<std::vector<std::byte>> ZipArchive::Read(const ZipRecord& record, uint64_t limit) const {
  const auto fail = [&](Error error) { return std::move(error).At(zip::Where(record), 0).In(source_->name()); };
  if (!record.readable) {
    return fail(Error{ErrorCode::kCorrupt, "the record's bytes cannot be told"}.Hint("the file's findings say why"));
  }
  if (record.size > limit) {
    return fail(Error{ErrorCode::kLimit, "the record holds " + std::to_string(record.size) + " bytes, and " +
                                             std::to_string(limit) + " are allowed here"});
  }
  if (record.method == zip::kStored) {
    auto bytes = source_->Read(record.offset, record.stored);
    if (!bytes) return fail(std::move(bytes).error());
    return std::move(*bytes);
  }
  auto bytes = Inflate(*source_, record.offset, record.stored, {DeflateFormat::kRaw, limit, record.size});
  if (!bytes) {
    const bool marked = (record.flags & zip::kFlagEncrypted) != 0;
    return fail(std::move(bytes).error().Hint(marked ? "the record is marked as encrypted, and seems to be" : ""));
  }
  if (record.crc != 0 && Crc32(*bytes) != record.crc) {
    return fail(
        Error{ErrorCode::kCorrupt, "the record's CRC-32 does not match its bytes"}.Hint("download the file again"));
  }
  return std::move(*bytes);
}

}  // namespace pthview
