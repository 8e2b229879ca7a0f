// The part of the walk that reads pickles: rows of them, those inside byte strings, those between raw data.
#include <algorithm>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "lib/analysis/scan/scan_text.h"
#include "lib/analysis/scan/scan_walk.h"
#include "lib/base/escape.h"
#include "lib/container/slice_source.h"
#include "lib/formats/torch/torch_file.h"
#include "lib/pickle/opcodes.h"

namespace pthview {
namespace {

// Opcodes that a pickle has at least when nothing but its bytes tells that it is one.
constexpr uint64_t kFewOpcodes = 2;

// A torch file before 1.6 is five pickles: magic number, version, system, object, keys of storages.
constexpr uint64_t kPicklesOfTorch = 5;

bool IsTorchMagic(ScanWindow& window, uint64_t offset) {
  constexpr std::string_view kMagic = "L119547037146038801333356";  // protocol 0 or 1
  const std::byte* head = window.At(offset, kMagic.size());
  return head != nullptr && std::memcmp(head, kMagic.data(), kMagic.size()) == 0;
}

// Text has lines that read as globals; a pickle calls what it names, and does so before anything is wrong with it.
bool CallsAny(std::span<const CodeUse> rows, const PickleExtent& extent) {
  return std::any_of(rows.begin(), rows.end(), [&](const CodeUse& row) {
    return LooksLikeName(row.module) && LooksLikeName(row.name) && row.call != CodeCall::kNone &&
           (extent.problem.empty() || row.called_at < extent.problem_at);
  });
}

// A legacy file begins with the magic number, in the protocol that its writer chose (2).
bool IsTorchMagicNumber(ScanWindow& window, uint64_t offset) {
  constexpr std::string_view kMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  const std::byte* head = window.At(offset, kMagic.size());
  return (head != nullptr && std::memcmp(head, kMagic.data(), kMagic.size()) == 0) || IsTorchMagic(window, offset);
}

// Whether something dangerous is named and nothing but the end is wrong with the pickle.
bool NamesDanger(std::span<const CodeUse> rows, const PickleExtent& extent) {
  return extent.problem_at + 9 >= extent.end && std::any_of(rows.begin(), rows.end(), [&](const CodeUse& row) {
           return row.judgement == Judgement::kDangerous && LooksLikeName(row.module) && LooksLikeName(row.name);
         });
}

bool RunsText(std::span<const CodeUse> rows) {
  return std::any_of(rows.begin(), rows.end(), [](const CodeUse& row) { return RunsSourceText(row.module, row.name); });
}

bool BeginsWithProtocol(ScanWindow& window, uint64_t offset) {
  const std::byte* head = window.At(offset, 2);
  return head != nullptr && static_cast<uint8_t>(head[0]) == static_cast<uint8_t>(pickle::Opcode::kProto) &&
         static_cast<uint8_t>(head[1]) >= 2 && static_cast<uint8_t>(head[1]) <= pickle::kLastProtocol;
}

}  // namespace

void ScanWalker::AddRows(const ScanTarget& target, std::vector<CodeUse> rows) {
  for (CodeUse& row : rows) {
    row.record = target.record;
    if (target.file_base) row.file_position = *target.file_base + row.position;
    report_->code.push_back(std::move(row));
  }
  if (!rows.empty()) looked_ = true;
}

bool ScanWalker::Exhausted(const ScanTarget& target) {
  if (scan_allowance_.steps > 0) return false;
  Unread(
      target, "scan-limit",
      fmt::format("Not looked at: the pickles before it have more than {} opcodes; those of no checkpoint of {} bytes "
                  "have as many.",
                  ScanAllowance(report_->size).steps, report_->size));
  return true;
}

void ScanWalker::DescribeLimits(const ScanTarget& target, const PickleExtent& extent) {
  if (extent.limited) {
    Unread(target, "scan-limit",
           fmt::format("Looked at up to byte {} only: {} opcodes and more are a bomb, or padding that is to hide what "
                       "follows; no checkpoint of {} bytes has as many.",
                       extent.end, extent.opcodes, report_->size));
  }
  if (extent.forgot) {
    Unread(target, "scan-limit",
           fmt::format("Something is called or named that stood under {} values or more on the stack or in the memo, "
                       "and is not known any more.",
                       scan_allowance_.stack / 2));
  }
}

void ScanWalker::DescribeDropped(const ScanTarget& target, const PickleScanner& scanner) {
  if (scanner.dropped() == 0) return;
  Unread(target, "scan-names",
         fmt::format("{} more names are only counted: those before them fill {} MB.", scanner.dropped(),
                     ScanAllowance(0).names >> 20));
}

void ScanWalker::Spend(const ScanAllowance& share, const PickleScanner& scanner, bool kept) {
  scan_allowance_.Spend(share.steps - scanner.left().steps);
  if (!kept) return;
  scan_allowance_.names = scanner.left().names;
  scan_allowance_.dangers = scanner.left().dangers;
}

// Every pickle of a row, for what stands behind the first STOP runs as well when the loader reads on (legacy torch
// files are five in a row). Whether the bytes are a pickle at all is decided by what they name and how they end.
bool ScanWalker::VisitPickles(const ScanTarget& target, uint64_t offset) {
  if (Exhausted(target)) return true;
  const ScanAllowance share = scan_allowance_.Share();
  PickleScanner scanner(*target.source, share);
  const uint64_t size = target.source->size();
  LookedAt looked{target.record, "pickle"};
  std::vector<ScanLiteral> literals;
  std::vector<ScanLiteral> sources;
  size_t kept = 0;  // rows of the pickles that were believed
  uint64_t at = offset;
  bool limited = false;
  while (at < size && !limited) {
    const bool protocol = BeginsWithProtocol(scanner.window(), at);
    const size_t before = scanner.plausible();
    const size_t rows = scanner.rows().size();
    PickleExtent extent = scanner.Read(at);
    const bool first = at == offset;
    if (first && VisitJoblib(target, at, std::span(scanner.rows()).subspan(rows))) {
      Spend(share, scanner, false);
      return true;
    }
    const bool named =
        scanner.plausible() > before && (protocol || CallsAny(std::span(scanner.rows()).subspan(rows), extent));
    const bool few =
        protocol || (first && IsTorchMagic(scanner.window(), at)) || (!first && looked.pickles < kPicklesOfTorch);
    const auto added = std::span(scanner.rows()).subspan(rows);
    const bool clean = extent.stopped && extent.problem.empty() && extent.opcodes >= (few ? 1 : kFewOpcodes);
    // One that only names something imports it all the same, also where it is cut behind the name.
    const bool imports =
        first && target.file && extent.end == size &&
        (extent.stopped ? extent.problem.empty() && scanner.plausible() > before : NamesDanger(added, extent));
    // In a row of pickles a broken one is a pickle still.
    const bool in_row = !first && protocol && extent.stopped;
    const bool believed = named || imports || in_row ||
                          (clean && (few || !first || extent.end == size || scanner.plausible() > before)) ||
                          (first && target.named) || (first && protocol && target.file && extent.opcodes > 1) ||
                          (extent.limited && extent.problem.empty());
    if (!believed) break;
    limited = extent.limited;
    ++looked.pickles;
    kept = scanner.rows().size();
    literals.insert(literals.end(), extent.literals.begin(), extent.literals.end());
    if (RunsText(std::span(scanner.rows()))) {
      sources.insert(sources.end(), extent.sources.begin(), extent.sources.end());
    }
    looked.whole = looked.whole && !extent.limited;
    DescribeLimits(target, extent);
    if (!extent.problem.empty()) {
      const bool goes_on = extent.stopped || extent.limited;
      looked.whole = looked.whole && extent.stopped;
      const std::string text = fmt::format(
          "Byte {}: {}. {}", extent.problem_at, extent.problem,
          goes_on ? "The rest of the pickle was looked at all the same." : "Nothing behind it was looked at.");
      if (goes_on) {
        findings_.Add(Severity::kWarning, "scan-pickle", target.record, text);
      } else {
        Unread(target, "scan-pickle", text);
      }
    }
    at = extent.end;
    if (!extent.stopped || extent.end == size) break;
  }
  Spend(share, scanner, looked.pickles > 0);
  if (looked.pickles == 0) return false;
  looked_ = true;
  looked.bytes = at - offset;
  scanner.rows().resize(kept);
  looked.globals = scanner.globals();
  report_->pickles += looked.pickles;
  report_->globals += looked.globals;
  DescribeDropped(target, scanner);
  budget_ -= std::min(budget_, looked.bytes);
  report_->looked_at.push_back(looked);
  // What torch.load refuses is said of the object that it reads first.
  const bool torch = target.file && target.depth == 0 && IsTorchMagicNumber(scanner.window(), offset);
  if (!target.behind && (target.loaded || torch)) {
    report_->weights_only = JudgeWeightsOnly(scanner.rows(), scanner.weights_only());
    report_->weights_only->record = target.record;
  }
  AddRows(target, std::move(scanner.rows()));
  for (const ScanLiteral& literal : literals) VisitLiteral(target, literal);
  for (const ScanLiteral& literal : sources) {
    if (auto inside = OpenLiteral(target, literal)) AddSource(*inside, Source::kText);
  }
  if (target.file && !target.behind) VisitBehindLegacy(target, offset);
  return true;
}

// A file that several calls of torch.save wrote: torch.load reads the next object where the last one's storages end.
void ScanWalker::VisitBehindLegacy(const ScanTarget& target, uint64_t offset) {
  const uint64_t size = target.source->size();
  const auto is_legacy = [&](uint64_t at) {
    auto head = target.source->Read(at, std::min<uint64_t>(64, size - at));
    return head && IsLegacyMagic(*head);
  };
  ScanTarget next = target;
  next.behind = true;
  for (size_t count = 1; offset < size && is_legacy(offset); ++count) {
    auto end = EndOfTorchLegacy(*target.source, offset);
    if (!end || *end <= offset || *end >= size) return;
    if (count == kMostObjects) {
      Unread(target, "scan-limit", fmt::format("Only the first {} objects of the file were looked at.", kMostObjects));
      return;
    }
    offset = *end;
    if (!VisitPickles(next, offset)) return;
  }
}

std::optional<ScanTarget> ScanWalker::OpenLiteral(const ScanTarget& target, const ScanLiteral& literal) {
  std::shared_ptr<const ByteSource> source;
  const std::string name = fmt::format("bytes at {}", literal.offset);
  if (literal.coding == ScanLiteral::Coding::kRaw) {
    source = OpenSlice(target.source, literal.offset, literal.length, name);
  } else {
    const uint64_t length = std::min(literal.length, kMostInMemory);
    if (!Afford(target, length)) return std::nullopt;
    auto bytes = target.source->Read(literal.offset, length);
    if (!bytes) return std::nullopt;
    if (length < literal.length) {
      Unread(target, "scan-literal",
             fmt::format("Only the first {} of the {} bytes of the text at {} were looked at.", length, literal.length,
                         literal.offset));
    }
    const std::string_view text{reinterpret_cast<const char*>(bytes->data()), bytes->size()};
    const std::string decoded =
        literal.coding == ScanLiteral::Coding::kUtf8 ? BytesOfLatin1(text) : UnescapeString(text);
    const auto* data = reinterpret_cast<const std::byte*>(decoded.data());
    source = OpenMemory(name, {data, data + decoded.size()});
  }
  ScanTarget inside = Inside(target, std::move(source), name);
  inside.file = false;
  if (literal.coding == ScanLiteral::Coding::kRaw && target.file_base) {
    inside.file_base = *target.file_base + literal.offset;
  }
  return inside;
}

void ScanWalker::VisitLiteral(const ScanTarget& target, const ScanLiteral& literal) {
  if (auto inside = OpenLiteral(target, literal)) Visit(*inside);
}

// Pickles that stand anywhere among other bytes: each place where one may begin is tried.
void ScanWalker::SearchPickles(const ScanTarget& target) {
  const uint64_t size = target.source->size();
  if (!Afford(target, size)) return;
  const ScanAllowance share = scan_allowance_.Share();
  PickleScanner scanner(*target.source, share);
  ScanWindow window(*target.source);
  LookedAt looked{target.record, "pickle", size};
  std::vector<ScanLiteral> literals;
  for (uint64_t at = 0; at < size;) {
    const std::byte* here = window.At(at, 1);
    if (here == nullptr) break;
    const auto byte = static_cast<char>(*here);
    if (at != 0 && byte != '\x80' && byte != 'c' && byte != 'i') {
      ++at;
      continue;
    }
    const size_t before = scanner.plausible();
    PickleExtent extent = scanner.Read(at);
    if (extent.limited) {
      Unread(
          target, "scan-limit",
          fmt::format("Looked at up to byte {} only: pickles may begin at so many places that they have more than {} "
                      "opcodes.",
                      at, share.steps));
      break;
    }
    const bool clean = extent.stopped && extent.problem.empty() && extent.opcodes >= kFewOpcodes;
    if (scanner.plausible() == before && !(clean && byte == '\x80')) {
      ++at;
      continue;
    }
    ++looked.pickles;
    literals.insert(literals.end(), extent.literals.begin(), extent.literals.end());
    at = std::max(extent.end, at + 1);
  }
  Spend(share, scanner, true);
  DescribeDropped(target, scanner);
  looked.globals = scanner.globals();
  report_->pickles += looked.pickles;
  report_->globals += looked.globals;
  report_->looked_at.push_back(looked);
  std::vector<CodeUse>& rows = scanner.rows();
  std::erase_if(rows, [](const CodeUse& row) { return !LooksLikeName(row.module) || !LooksLikeName(row.name); });
  AddRows(target, std::move(rows));
  for (const ScanLiteral& literal : literals) VisitLiteral(target, literal);
}

}  // namespace pthview
