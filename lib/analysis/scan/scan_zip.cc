// The part of the walk that reads zip archives: every record that any reader could see, whatever is said about it.
#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <zlib.h>

#include "lib/analysis/scan/scan_text.h"
#include "lib/analysis/scan/scan_walk.h"
#include "lib/base/bytes.h"
#include "lib/base/escape.h"
#include "lib/container/inflate_prefix.h"
#include "lib/container/slice_source.h"
#include "lib/container/tar.h"
#include "lib/formats/common/archive_folder.h"

namespace pthview {
namespace {

// <u32 "PK\3\4"> <u16 version> <u16 flags> <u16 method> <u16 time> <u16 date> <u32 crc> <u32 stored> <u32 size>
// <u16 name length> <u16 extra length> <name> <extra> <data>
constexpr uint64_t kLocalSize = 30;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint16_t kDeflated = 8;
constexpr uint16_t kFlagDescriptor = 8;  // sizes follow the data
constexpr uint64_t kHead = 512;
constexpr uint64_t kPackedHead = 4096;  // in which there are as many

// Findings that mean that some reader sees other records than the central directory's.
constexpr std::string_view kTricks[] = {"zip-two-directories", "zip-end-record",   "zip-entry-count",
                                        "zip-local-name",      "zip-local-method", "zip-local-missing",
                                        "zip-overlap",         "zip-gap",          "zip-zip64"};

bool IsPickleName(std::string_view name) {
  return name.ends_with("pkl") || name.ends_with(".pickle") || name.ends_with(".PKL");
}

std::string Lower(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

}  // namespace

// Several archives may stand in a row (shards of distributed checkpoints), each counting from its own start.
bool ScanWalker::VisitZip(const ScanTarget& target) {
  bool any = false;
  bool row = false;  // of several archives, all of which were looked at
  uint64_t archives = 0;
  // About an archive that has others in front of it, or is read as one of them where offsets count from byte 0.
  std::vector<Finding> ambiguous;
  uint64_t end = target.source->size();
  while (end > 0) {
    const bool all = end == target.source->size();
    const std::shared_ptr<const ByteSource> source =
        all ? target.source : OpenSlice(target.source, 0, end, target.source->name());
    Findings findings;
    auto zip = ZipArchive::Open(*source, &findings);
    bool tricks = false;
    for (Finding& finding : std::move(findings).Take()) {
      tricks = tricks || std::find(std::begin(kTricks), std::end(kTricks), finding.code) != std::end(kTricks);
      if (finding.code == "zip-prefix-bytes" && any) continue;  // said of the last archive already
      std::string where = target.record;
      if (!finding.where.empty()) where += (where.empty() ? "" : " > ") + finding.where;
      finding.where = std::move(where);
      if (finding.code == "zip-two-directories" || finding.code == "zip-concatenated") {
        ambiguous.push_back(std::move(finding));
      } else {
        findings_.Add(finding.severity, finding.code, std::move(finding.where), std::move(finding.text));
      }
    }
    if (!zip) {
      if (all && zip.error().code != ErrorCode::kUnrecognized) {
        if (target.depth > 0) Unread(target, "scan-zip", "Not looked at: " + zip.error().message + ".");
        error_ = std::move(zip).error();
      }
      break;
    }
    any = true;
    ++archives;
    Findings layout;  // which `info` tells
    ChooseFolder(*zip, &layout);
    ScanTarget part = target;
    part.source = source;
    VisitRecords(part, *zip, tricks);
    row = zip->start() == 0;
    if (row || zip->start() >= end) break;
    end = zip->start();
  }
  // Whatever a reader takes for the archive, it is one of those that were looked at.
  if (row && archives > 1) {
    findings_.Add(
        Severity::kInfo, "zip-row", target.record,
        fmt::format("{} archives stand in a row, as several calls of torch.save into one file write them: all "
                    "were looked at.",
                    archives));
    ambiguous.clear();
  }
  for (Finding& finding : ambiguous) {
    findings_.Add(finding.severity, finding.code, std::move(finding.where), std::move(finding.text));
  }
  if (any && !row) {
    // What stands before an archive is read as a pickle by torch.load, which asks the first bytes.
    ScanTarget front = target;
    front.source = OpenSlice(target.source, 0, end, target.source->name());
    VisitPickles(front, 0);
  }
  return any;
}

void ScanWalker::VisitRecords(const ScanTarget& target, const ZipArchive& zip, bool tricks) {
  const auto is_code = [](std::string_view name) {
    return name.ends_with(".py") && (name.starts_with("code/") || name.find("/code/") != name.npos);
  };
  bool torchscript = zip.FindInPrefix("constants.pkl") != nullptr || zip.FindInPrefix("model.json") != nullptr;
  uint64_t sources = 0;
  std::set<std::tuple<uint64_t, uint64_t, uint16_t>> seen;
  std::vector<std::pair<uint64_t, uint64_t>> covered;
  std::set<uint64_t> offsets;
  for (const ZipRecord& record : zip.records()) {
    ++report_->records;
    torchscript = torchscript || (is_code(record.name) && record.name.find("__torch__") != std::string_view::npos);
  }
  const ZipRecord* loaded = torchscript || target.depth > 0 ? nullptr : zip.FindInPrefix("data.pkl");
  for (const ZipRecord& record : zip.records()) {
    loaded_ = &record == loaded;
    if (torchscript && is_code(record.name)) ++sources;
    if (record.offset > record.header) covered.emplace_back(record.header, record.offset + record.stored);
    offsets.insert(record.offset);
    if (seen.emplace(record.offset, record.stored, record.method).second) {
      VisitRecord(target, record, record.method, torchscript && is_code(record.name));
    }
    if (!tricks) continue;
    // <local header>: bytes 8 and 9 are the method.
    std::byte local[kLocalSize];
    if (!target.source->ReadAt(record.header, local) || LoadLittle<uint32_t>(local) != kLocalSignature) continue;
    const auto method = LoadLittle<uint16_t>(local + 8);
    if (method != record.method && seen.emplace(record.offset, record.stored, method).second) {
      VisitRecord(target, record, method, torchscript && is_code(record.name));
    }
  }
  loaded_ = false;
  if (sources > 0) {
    CodeUse use;
    use.name = "TorchScript";
    use.source = CodeSource::kSource;
    use.remark =
        fmt::format("{} source{}; a program, which LibTorch compiles and runs", sources, sources == 1 ? "" : "s");
    AddRows(Inside(target, target.source, "code/"), {use});
  }
  // Records that only readers of local headers see: in what no record covers, or anywhere when the archive plays
  // tricks.
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  if (tricks) {
    ranges.emplace_back(zip.start(), target.source->size());
  } else {
    std::sort(covered.begin(), covered.end());
    uint64_t at = zip.start();
    for (const auto& [first, end] : covered) {
      if (first > at && first - at >= kLocalSize) ranges.emplace_back(at, first);
      at = std::max(at, end);
    }
    ranges.emplace_back(at, target.source->size());
  }
  std::erase_if(ranges, [&](const auto& range) { return range.first >= range.second; });
  VisitHidden(target, ranges, std::move(offsets));
}

void ScanWalker::VisitRecord(const ScanTarget& target, const ZipRecord& record, uint16_t method, bool torchscript) {
  const std::string name(record.name);
  ScanTarget inside = Inside(target, nullptr, name);
  if (record.offset == 0 || record.offset > target.source->size() || (method != 0 && method != kDeflated)) {
    ++report_->unread;  // a finding of the archive's says why
    return;
  }
  const uint64_t stored = std::min(record.stored, target.source->size() - record.offset);
  const std::string lower = Lower(name);
  inside.named = IsPickleName(lower);
  inside.loaded = loaded_;
  inside.file = false;
  const bool source = torchscript || lower.ends_with(".py");
  bool whole = true;
  if (method == 0) {
    if (!Afford(inside, std::min(stored, kHead))) return;
    inside.source = OpenSlice(target.source, record.offset, stored, name);
    if (target.file_base) inside.file_base = *target.file_base + record.offset;
  } else {
    // The beginning tells whether the rest is worth inflating: weights are not.
    const uint64_t begin = std::min(stored, kPackedHead);
    if (Status allowed = allowance_->TakePacked(begin, ""); !allowed) {
      Unread(inside, "scan-packed", "Not looked at: " + allowed.error().message + ".");
      return;
    }
    auto head = InflatePrefix(*target.source, record.offset, begin, DeflateFormat::kRaw, kHead);
    // Junk that looks like a record is none.
    if (head.broken && head.bytes.empty() && !source && !inside.named) return;
    const std::string_view text{reinterpret_cast<const char*>(head.bytes.data()), head.bytes.size()};
    if (!source && !inside.named && head.bytes.size() == kHead &&
        !text.starts_with("\x7f"
                          "ELF")) {
      const auto memory = OpenMemory(name, head.bytes);
      PickleScanner probe(*memory);
      const PickleExtent extent = probe.Read(0);
      const bool breaks = !extent.problem.empty() && extent.problem_at < 16 && probe.plausible() == 0;
      if (breaks && !BeginsLikeFile(text, ScanLiteral::Coding::kRaw) && !LooksLikeJson(text) &&
          !LooksLikeTar(head.bytes))
        return;
    }
    whole = Unpack(OpenSlice(target.source, record.offset, stored, name, allowance_), Packing::kDeflated, &inside);
  }
  looked_ = false;
  const uint64_t unread = report_->unread;
  if (source) {
    AddSource(inside, torchscript ? Source::kTorchScript : Source::kModule);
  } else {
    Visit(inside);
  }
  if (looked_ && whole && report_->unread == unread && record.crc != 0 && record.method == method)
    CheckCrc(inside, *inside.source, record.crc);
}

void ScanWalker::CheckCrc(const ScanTarget& target, const ByteSource& bytes, uint32_t crc) {
  if (!Afford(target, bytes.size())) return;
  ScanWindow window(bytes);
  uint32_t real = 0;
  constexpr uint64_t kPiece = uint64_t{1} << 20;
  for (uint64_t at = 0; at < bytes.size(); at += kPiece) {
    const auto count = static_cast<size_t>(std::min(kPiece, bytes.size() - at));
    const std::byte* piece = window.At(at, count);
    if (piece == nullptr) return;
    real = static_cast<uint32_t>(crc32_z(real, reinterpret_cast<const Bytef*>(piece), count));
  }
  if (real == crc) return;
  findings_.Add(
      Severity::kDanger, "zip-crc", target.record,
      "Its CRC-32 is not that of its bytes: readers that check it refuse the record (and scanners with them), "
      "torch reads it.");
}

void ScanWalker::VisitHidden(const ScanTarget& target, std::span<const std::pair<uint64_t, uint64_t>> ranges,
                             std::set<uint64_t> known) {
  static constexpr char kSignature[] = {'P', 'K', 3, 4};
  ScanWindow window(*target.source);
  for (const auto& [first, end] : ranges) {
    if (!Afford(target, end - first)) return;
    constexpr uint64_t kPiece = uint64_t{1} << 16;
    for (uint64_t at = first; at + kLocalSize <= end;) {
      const auto count = static_cast<size_t>(std::min(kPiece, end - at));
      const std::byte* piece = window.At(at, count);
      if (piece == nullptr) return;
      const std::string_view text{reinterpret_cast<const char*>(piece), count};
      const size_t found = text.find(std::string_view(kSignature, sizeof(kSignature)));
      if (found == text.npos) {
        at += count > 3 ? count - 3 : count;
        if (count < kPiece) break;
        continue;
      }
      const uint64_t header_at = at + found;
      at = header_at + 4;
      const std::byte* header = window.At(header_at, kLocalSize);
      if (header == nullptr) break;
      const auto method = LoadLittle<uint16_t>(header + 8);
      ZipRecord record;
      record.header = header_at;
      record.stored = LoadLittle<uint32_t>(header + 18);
      const auto name_length = LoadLittle<uint16_t>(header + 26);
      record.offset = header_at + kLocalSize + name_length + LoadLittle<uint16_t>(header + 28);
      if (record.offset >= target.source->size() || !known.insert(record.offset).second) continue;
      const std::string name = ReadCut(window, header_at + kLocalSize, name_length);
      // A folder, of which the archive's list of records has none: there are no data behind its header.
      const bool sized = (LoadLittle<uint16_t>(header + 6) & kFlagDescriptor) == 0;
      if (name.ends_with('/') && record.stored == 0 && sized) continue;
      record.name = name;
      const uint64_t left = target.source->size() - record.offset;
      // Sizes may stand behind the data or in a zip64 field: then everything that follows is taken, of which a pickle
      // or a deflated stream reads no more than is its own.
      if (record.stored == 0 || record.stored > left) record.stored = left;
      const size_t rows = report_->code.size();
      VisitRecord(target, record, method, false);
      if (report_->code.size() > rows) {
        findings_.Add(
            Severity::kDanger, "zip-hidden", Inside(target, nullptr, name).record,
            fmt::format("A local header at byte {} leads to code, and is looked at besides the archive's list.",
                        header_at));
      }
    }
  }
}

}  // namespace pthview
