#include "lib/analysis/scan_walk.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "lib/analysis/scan_source.h"
#include "lib/base/bytes.h"
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

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// safetensors: <u64 length of the header> <JSON header> <data>
bool LooksLikeSafetensors(std::string_view head, uint64_t size) {
  if (head.size() < 10) return false;
  const auto length = LoadLittle<uint64_t>(head.data());
  return length >= 2 && length <= size - 8 && head[8] == '{';
}

// An xz file all of whose data is right: opening one reads its index alone.
Result<std::unique_ptr<ByteSource>> OpenSoundXz(const std::shared_ptr<const ByteSource>& packed, std::string name) {
  PTHVIEW_ASSIGN(std::unique_ptr<ByteSource> source, OpenUnpackedXz(packed, std::move(name)));
  std::vector<std::byte> bytes(static_cast<size_t>(std::min(kMega, source->size())));
  for (uint64_t at = 0; at < source->size(); at += bytes.size()) {
    PTHVIEW_TRY(source->ReadAt(at, std::span(bytes).first(std::min<uint64_t>(bytes.size(), source->size() - at))));
  }
  return source;
}

}  // namespace

// A piece that inflates to more than 64 MB from less than an eighth is no checkpoint: numbers do not pack so well.
ScanWalker::ScanWalker(ScanReport* report, uint64_t file_size)
    : report_(report),
      allowance_(std::make_shared<UnpackAllowance>(file_size)),
      budget_(96 * kMega + 8 * std::min(file_size, UINT64_MAX / 32)),
      inflate_limit_(std::max(64 * kMega, 8 * std::min(file_size, UINT64_MAX / 32))) {}

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
  Unread(target, "scan-limit",
         "Not looked at: the file makes more work than its size explains (overlapping records, or a bomb).");
  return false;
}

bool ScanWalker::Visit(const ScanTarget& target) {
  if (target.depth > kMaxDepth) {
    Unread(target, "scan-depth", "Not looked at: files stand inside each other too deeply to be real.");
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
  if (text.starts_with("\x1f\x8b\x08")) {
    wrapped("gzip");
    return VisitPacked(target, true);
  }
  if (text.starts_with("\xfd"
                       "7zXZ")) {
    wrapped("xz");
    return VisitPacked(target, false);
  }
  bool known = false;
  if (LooksLikeTar(*head)) {
    wrapped("tar");
    known = VisitTar(target);
  }
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

bool ScanWalker::VisitPacked(const ScanTarget& target, bool gzip) {
  const std::string name = gzip ? "gzip" : "xz";
  const uint64_t size = target.source->size();
  std::shared_ptr<const ByteSource> packed = OpenSlice(target.source, 0, size, target.source->name(), allowance_);
  auto whole = gzip ? OpenUnpackedGzip(packed, name) : OpenSoundXz(packed, name);
  if (whole) return Visit(Inside(target, std::move(*whole), name));
  Status allowed = allowance_->TakePacked(size, "");  // once more, for it is gone through again
  if (whole.error().code == ErrorCode::kLimit) allowed = whole.error();
  if (!allowed) {
    Unread(Inside(target, nullptr, name), "scan-packed", "Not looked at: " + allowed.error().message + ".");
    return true;
  }
  const uint64_t most = std::min(inflate_limit_, budget_);
  InflatedPrefix prefix =
      gzip ? InflatePrefix(*packed, 0, size, DeflateFormat::kGzip, most) : UnpackXzPrefix(*packed, most);
  const uint64_t bytes = prefix.bytes.size();
  budget_ -= bytes;
  ScanTarget inside = Inside(target, OpenMemory(name, std::move(prefix.bytes)), name);
  Unread(inside, "scan-packed",
         fmt::format("Only the first {} bytes were looked at: {}.", bytes, whole.error().message));
  Visit(inside);
  return true;
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
      AddSource(inside, false);
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

void ScanWalker::AddSource(const ScanTarget& target, bool torchscript) {
  const uint64_t size = std::min(target.source->size(), inflate_limit_);
  if (!Afford(target, size)) return;
  auto bytes = target.source->Read(0, size);
  if (!bytes) {
    Unread(target, "scan-source", "Not looked at: " + bytes.error().message + ".");
    return;
  }
  looked_ = true;
  const std::string_view text = TextOf(*bytes);
  std::vector<CodeUse> rows = torchscript ? ScanTorchScript(text) : ScanPython(text);
  if (!torchscript) {
    CodeUse module;
    module.name = "Python module";
    module.source = CodeSource::kSource;
    module.judgement = Judgement::kUnknown;
    module.remark = "source code, which runs when it is imported";
    rows.insert(rows.begin(), module);
  }
  AddRows(target, std::move(rows));
  report_->looked_at.push_back({target.record, torchscript ? "TorchScript" : "Python", size});
}

}  // namespace pthview
