// The part of the walk that reads pickles: rows of them, those inside byte strings, those between raw data.
#include <algorithm>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "lib/analysis/scan_text.h"
#include "lib/analysis/scan_walk.h"
#include "lib/base/escape.h"
#include "lib/container/slice_source.h"
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

// Every pickle of a row, for what stands behind the first STOP runs as well when the loader reads on (legacy torch
// files are five in a row). Whether the bytes are a pickle at all is decided by what they name and how they end.
bool ScanWalker::VisitPickles(const ScanTarget& target, uint64_t offset) {
  PickleScanner scanner(*target.source);
  const uint64_t size = target.source->size();
  LookedAt looked{target.record, "pickle"};
  std::vector<ScanLiteral> literals;
  size_t kept = 0;  // rows of the pickles that were believed
  uint64_t at = offset;
  while (at < size) {
    const bool protocol = BeginsWithProtocol(scanner.window(), at);
    const size_t before = scanner.plausible();
    const size_t rows = scanner.rows().size();
    PickleExtent extent = scanner.Read(at);
    const bool first = at == offset;
    const bool named =
        scanner.plausible() > before && (protocol || CallsAny(std::span(scanner.rows()).subspan(rows), extent));
    const bool few =
        protocol || (first && IsTorchMagic(scanner.window(), at)) || (!first && looked.pickles < kPicklesOfTorch);
    const bool clean = extent.stopped && extent.problem.empty() && extent.opcodes >= (few ? 1 : kFewOpcodes);
    // In a row of pickles a broken one is a pickle still.
    const bool in_row = !first && protocol && extent.stopped;
    const bool believed = named || in_row ||
                          (clean && (few || !first || extent.end == size || scanner.plausible() > before)) ||
                          (first && target.named) || (first && protocol && target.file && extent.opcodes > 1);
    if (!believed) break;
    ++looked.pickles;
    kept = scanner.rows().size();
    literals.insert(literals.end(), extent.literals.begin(), extent.literals.end());
    if (!extent.problem.empty()) {
      looked.whole = looked.whole && extent.stopped;
      const std::string text = fmt::format(
          "Byte {}: {}. {}", extent.problem_at, extent.problem,
          extent.stopped ? "The rest of the pickle was looked at all the same." : "Nothing behind it was looked at.");
      if (extent.stopped) {
        findings_.Add(Severity::kWarning, "scan-pickle", target.record, text);
      } else {
        Unread(target, "scan-pickle", text);
      }
    }
    at = extent.end;
    if (!extent.stopped || extent.end == size) break;
  }
  if (looked.pickles == 0) return false;
  looked_ = true;
  looked.bytes = at - offset;
  scanner.rows().resize(kept);
  looked.globals = scanner.globals();
  report_->pickles += looked.pickles;
  report_->globals += looked.globals;
  if (scanner.dropped() > 0) {
    Unread(target, "scan-names",
           fmt::format("{} more names that are not known to be dangerous are only counted.", scanner.dropped()));
  }
  budget_ -= std::min(budget_, looked.bytes);
  report_->looked_at.push_back(looked);
  AddRows(target, std::move(scanner.rows()));
  for (const ScanLiteral& literal : literals) VisitLiteral(target, literal);
  return true;
}

void ScanWalker::VisitLiteral(const ScanTarget& target, const ScanLiteral& literal) {
  std::shared_ptr<const ByteSource> source;
  const std::string name = fmt::format("bytes at {}", literal.offset);
  if (literal.coding == ScanLiteral::Coding::kRaw) {
    source = OpenSlice(target.source, literal.offset, literal.length, name);
  } else {
    const uint64_t length = std::min(literal.length, kMostInMemory);
    if (!Afford(target, length)) return;
    auto bytes = target.source->Read(literal.offset, length);
    if (!bytes) return;
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
  Visit(inside);
}

// Pickles that stand anywhere among other bytes: each place where one may begin is tried.
void ScanWalker::SearchPickles(const ScanTarget& target) {
  const uint64_t size = target.source->size();
  if (!Afford(target, size)) return;
  PickleScanner scanner(*target.source);
  ScanWindow window(*target.source);
  constexpr uint64_t kTries = 256;
  uint64_t wasted = 0;
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
    if (wasted > kTries * size) {
      Unread(target, "scan-limit", fmt::format("Looked at up to byte {} only: too many pickles may begin in it.", at));
      break;
    }
    const size_t before = scanner.plausible();
    PickleExtent extent = scanner.Read(at);
    const bool clean = extent.stopped && extent.problem.empty() && extent.opcodes >= kFewOpcodes;
    if (scanner.plausible() == before && !(clean && byte == '\x80')) {
      wasted += extent.end - at + extent.searched;
      ++at;
      continue;
    }
    ++looked.pickles;
    literals.insert(literals.end(), extent.literals.begin(), extent.literals.end());
    at = std::max(extent.end, at + 1);
  }
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
