#include "lib/analysis/scan/scan_walk.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "lib/analysis/scan/scan_source.h"
#include "lib/analysis/scan/scan_text.h"
#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/escape.h"
#include "lib/container/inflate_prefix.h"
#include "lib/container/slice_source.h"
#include "lib/container/tar.h"
#include "lib/container/unpacked_source.h"

namespace pthview {
namespace {

constexpr int kMaxDepth = 8;
constexpr size_t kHead = 512;
constexpr uint64_t kMega = uint64_t{1} << 20;

// What is looked at, in a file of so many bytes and in all that is inside of it.
uint64_t MostBytes(uint64_t file_size) { return SaturatingMulAdd(file_size, 8, 96 * kMega); }

// What `head` begins, when it is something packed. zlib and lzma have next to no magic number, and are looked for in
// files of their own only: many a byte string begins like them.
std::optional<Packing> PackingOf(std::span<const std::byte> head, bool file) {
  const std::string_view text{reinterpret_cast<const char*>(head.data()), head.size()};
  if (text.starts_with("\x1f\x8b\x08")) return Packing::kGzip;
  if (text.starts_with("\xfd"
                       "7zXZ")) {
    return Packing::kXz;
  }
  if (LooksLikeStream(StreamFormat::kBzip2, head)) return Packing::kBzip2;
  if (LooksLikeStream(StreamFormat::kZstd, head)) return Packing::kZstd;
  if (file && LooksLikeStream(StreamFormat::kZlib, head)) return Packing::kZlib;
  if (file && LooksLikeStream(StreamFormat::kLzma, head)) return Packing::kLzma;
  return std::nullopt;
}

std::string_view PackingName(Packing packing) {
  constexpr std::string_view kNames[] = {"deflate", "gzip", "xz", "bzip2", "zstd", "zlib", "lzma"};
  return kNames[static_cast<size_t>(packing)];
}

UnpackedPart OpenSound(const std::shared_ptr<const ByteSource>& packed, Packing packing, const std::string& name) {
  switch (packing) {
    case Packing::kDeflated: return OpenSoundDeflate(packed, DeflateFormat::kRaw, name);
    case Packing::kGzip: return OpenSoundDeflate(packed, DeflateFormat::kGzip, name);
    case Packing::kXz: return OpenSoundXz(packed, name);
    case Packing::kBzip2: return OpenSoundStream(packed, StreamFormat::kBzip2, name);
    case Packing::kZstd: return OpenSoundStream(packed, StreamFormat::kZstd, name);
    case Packing::kZlib: return OpenSoundStream(packed, StreamFormat::kZlib, name);
    case Packing::kLzma: return OpenSoundStream(packed, StreamFormat::kLzma, name);
  }
  return {};
}

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What the beginning of a gzip unpacks to: `broken` when it is none, as a byte string may begin like one by chance.
InflatedPrefix BeginOfGzip(const ByteSource& source) {
  constexpr uint64_t kBegin = 4096;
  return InflatePrefix(source, 0, std::min(source.size(), kBegin), DeflateFormat::kGzip, kBegin);
}

// safetensors: <u64 length of the header> <JSON header> <data>
bool LooksLikeSafetensors(std::string_view head, uint64_t size) {
  if (head.size() < 10) return false;
  const auto length = LoadLittle<uint64_t>(head.data());
  return length >= 2 && length <= size - 8 && head[8] == '{';
}

}  // namespace

ScanWalker::ScanWalker(ScanReport* report, uint64_t file_size)
    : report_(report),
      scan_allowance_(file_size),
      allowance_(std::make_shared<UnpackAllowance>(file_size)),
      budget_(MostBytes(file_size)) {}

void ScanWalker::Finish() { report_->findings = std::move(findings_).Take(); }

ScanTarget ScanWalker::Inside(const ScanTarget& target, std::shared_ptr<const ByteSource> source,
                              std::string_view name) const {
  ScanTarget inside;
  inside.source = std::move(source);
  inside.record = target.record.empty() ? EscapeName(name) : target.record + " > " + EscapeName(name);
  inside.depth = target.depth + 1;
  return inside;
}

void ScanWalker::Unread(const ScanTarget& target, std::string_view code, std::string text) {
  ++report_->unread;
  findings_.Add(Severity::kError, code, target.record, std::move(text));
}

bool ScanWalker::Afford(const ScanTarget& target, uint64_t bytes) {
  if (bytes <= budget_) {
    budget_ -= bytes;
    return true;
  }
  Unread(
      target, "scan-limit",
      fmt::format("Not looked at: with it, more than {} bytes would be looked at, which a file of {} does not explain "
                  "(overlapping records, or a bomb).",
                  MostBytes(report_->size), report_->size));
  return false;
}

bool ScanWalker::Visit(const ScanTarget& target) {
  if (target.depth > kMaxDepth) {
    Unread(target, "scan-depth",
           fmt::format("Not looked at: files stand inside each other more than {} deep.", kMaxDepth));
    return true;
  }
  const uint64_t size = target.source->size();
  auto head = target.source->Read(0, std::min<uint64_t>(kHead, size));
  if (!head) {
    error_ = std::move(head).error();
    return false;
  }
  const std::string_view text = TextOf(*head);
  const auto wrapped = [&](std::string_view name) {
    if (target.depth == 0) report_->wrappers.emplace_back(name);
  };
  if ((target.file || LooksLikeZip(*head)) && VisitZip(target)) {
    wrapped("zip");
    return true;
  }
  if (const auto packing = PackingOf(*head, target.file)) {
    const std::string_view name = PackingName(*packing);
    wrapped(name);
    ScanTarget inside = Inside(target, nullptr, name);
    InflatedPrefix begin;
    if (!target.file && packing == Packing::kGzip) begin = BeginOfGzip(*target.source);
    if (!begin.broken) {
      // A wrapper is known when what is in it is, or when that cannot be told.
      const bool whole = Unpack(OpenSlice(target.source, 0, size, std::string(name), allowance_), *packing, &inside);
      return Visit(inside) || !whole;
    }
    inside.source = OpenMemory(std::string(name), std::move(begin.bytes));
    if (inside.source->size() > 0 && Visit(inside)) return true;
  }
  bool known = false;
  if (LooksLikeTar(*head)) {
    wrapped("tar");
    known = VisitTar(target);
  }
  if (LooksLikeJson(text)) known = VisitJson(target) || known;
  // Bytes may be a tar archive or a safetensors file and a pickle as well: torch.load asks in an order of its own.
  known = VisitPickles(target, 0) || known;
  if (text.starts_with("\x93NUMPY")) known = VisitNumpy(target, *head) || known;
  if (text.starts_with("\x7f"
                       "ELF")) {
    AddNative(target);
    known = true;
  }
  return known || LooksLikeSafetensors(text, size);
}

bool ScanWalker::Unpack(const std::shared_ptr<const ByteSource>& packed, Packing packing, ScanTarget* inside) {
  const std::string& name = packed->name();
  if (Exhausted(*inside)) {
    inside->source = OpenMemory(name, {});
    return false;
  }
  const bool prefixed = packing == Packing::kXz || packing == Packing::kGzip || packing == Packing::kDeflated;
  UnpackedPart part = OpenSound(packed, packing, name);
  if (prefixed && (part.source == nullptr || (part.error && part.source->size() == 0))) {
    // An xz file without its end, or something that stands behind a bomb: its beginning is looked at still, in memory.
    // Packed data without content takes as long as eight times as much content.
    const uint64_t stored = std::min(packed->size(), inside->depth == 1 ? 8 * kMega : kMega);
    const uint64_t most = std::min(inside->depth == 1 ? kMostInMemory : kMostInMemory / 4, budget_);
    InflatedPrefix prefix;
    if (Afford(*inside, 8 * stored)) {
      const auto begin = OpenSlice(packed, 0, stored, name);
      const auto format = packing == Packing::kGzip ? DeflateFormat::kGzip : DeflateFormat::kRaw;
      prefix = packing == Packing::kXz ? UnpackXzPrefix(*begin, most) : InflatePrefix(*begin, 0, stored, format, most);
    }
    budget_ -= std::min(budget_, prefix.bytes.size());
    part.source = OpenMemory(name, std::move(prefix.bytes));
  }
  inside->source = std::move(part.source);
  if (!part.error) return true;
  Unread(*inside, "scan-packed",
         fmt::format("Only the first {} bytes were looked at: {}.", inside->source->size(), part.error->message));
  return false;
}

bool ScanWalker::VisitTar(const ScanTarget& target) {
  auto members = ReadTar(*target.source, &findings_);
  if (!members) return false;
  const bool torch = FindMember(*members, "pickle") != nullptr;
  for (const TarMember& member : *members) {
    ++report_->records;
    ScanTarget inside = Inside(target, OpenSlice(target.source, member.offset, member.size, member.name), member.name);
    if (target.file_base) inside.file_base = *target.file_base + member.offset;
    if (!Afford(inside, std::min<uint64_t>(member.size, kHead))) continue;
    if (member.name.ends_with(".py")) {
      AddSource(inside, Source::kModule);
    } else if (torch && (member.name == "storages" || member.name == "tensors")) {
      SearchPickles(inside);  // pickles with raw data between them
    } else {
      inside.named = member.name.ends_with(".pkl") || member.name.ends_with(".pickle");
      Visit(inside);
    }
  }
  return true;
}

// "\x93NUMPY" <u8 major> <u8 minor> <u16 or, from version 2 on, u32 length> <header>, then the data: a pickle when the
// dtype holds objects ('O').
bool ScanWalker::VisitNumpy(const ScanTarget& target, std::span<const std::byte> head) {
  if (head.size() < 12) return false;
  const bool wide = static_cast<uint8_t>(head[6]) >= 2;
  const uint64_t length = wide ? LoadLittle<uint32_t>(head.data() + 8) : LoadLittle<uint16_t>(head.data() + 8);
  const uint64_t data = (wide ? 12 : 10) + length;
  const std::string_view header = TextOf(head).substr(wide ? 12 : 10);
  if (data < target.source->size() && header.find('O') != header.npos) VisitPickles(target, data);
  return true;
}

void ScanWalker::AddNative(const ScanTarget& target) {
  CodeUse use;
  use.name = "native library";
  use.source = CodeSource::kNative;
  use.judgement = Judgement::kUnknown;
  use.remark = "machine code, which runs when the package that holds it is loaded";
  AddRows(target, {use});
  report_->looked_at.push_back({target.record, "native", target.source->size()});
}

void ScanWalker::AddSource(const ScanTarget& target, Source kind) {
  constexpr uint64_t kShown = uint64_t{64} << 10;
  const uint64_t size = std::min(target.source->size(), kMostInMemory);
  if (!Afford(target, size)) return;
  auto bytes = target.source->Read(0, size);
  if (!bytes) {
    Unread(target, "scan-source", "Not looked at: " + bytes.error().message + ".");
    return;
  }
  looked_ = true;
  const std::string_view text = TextOf(*bytes);
  std::vector<CodeUse> rows = kind == Source::kTorchScript ? ScanTorchScript(text) : ScanPython(text);
  if (kind == Source::kModule) {
    CodeUse module;
    module.name = "Python module";
    module.source = CodeSource::kSource;
    module.judgement = Judgement::kUnknown;
    module.remark = "source code, which runs when it is imported";
    rows.insert(rows.begin(), module);
  }
  LookedAt& looked = report_->looked_at.emplace_back();
  looked.record = target.record;
  looked.kind = kind == Source::kTorchScript ? "TorchScript" : "Python";
  looked.bytes = size;
  if (kind == Source::kText) {
    for (CodeUse& row : rows) row.remark = "used by source text that loading runs";
    looked.text = text.substr(0, kShown);
  }
  AddRows(target, std::move(rows));
  if (size < target.source->size()) {
    Unread(target, "scan-source", fmt::format("Only the first {} bytes of the source code were looked at.", size));
  }
}

}  // namespace pthview
