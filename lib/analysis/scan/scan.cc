#include "lib/analysis/scan/scan.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/scan/scan_walk.h"
#include "lib/base/named_source.h"
#include "lib/container/slice_source.h"

namespace pthview {

const char* CodeSourceName(CodeSource source) {
  switch (source) {
    case CodeSource::kGlobal: return "GLOBAL";
    case CodeSource::kInst: return "INST";
    case CodeSource::kStackGlobal: return "STACK_GLOBAL";
    case CodeSource::kExtension: return "EXT";
    case CodeSource::kComputed: return "computed";
    case CodeSource::kOperator: return "operator";
    case CodeSource::kSource: return "source";
    case CodeSource::kNative: return "native";
  }
  return "";
}

const char* CodeCallName(CodeCall call) {
  switch (call) {
    case CodeCall::kNone: return "";
    case CodeCall::kReduce: return "REDUCE";
    case CodeCall::kNewObj: return "NEWOBJ";
    case CodeCall::kNewObjEx: return "NEWOBJ_EX";
    case CodeCall::kObj: return "OBJ";
    case CodeCall::kInst: return "INST";
    case CodeCall::kBuild: return "BUILD";
    case CodeCall::kArgument: return "argument";
  }
  return "";
}

std::string Describe(const CodeUse& use) {
  std::string text = use.FullName();
  const std::string of = use.record.empty() ? "" : " of " + use.record;
  switch (use.call) {
    case CodeCall::kNone:
      text += fmt::format(", {} at byte {}{}", use.source >= CodeSource::kOperator ? "found" : "imported", use.position,
                          of);
      if (use.source < CodeSource::kOperator) text += fmt::format(" ({})", CodeSourceName(use.source));
      break;
    case CodeCall::kArgument:
      text += fmt::format(", handed to a function that is called at byte {}{} ({} at byte {})", use.called_at, of,
                          CodeSourceName(use.source), use.position);
      break;
    case CodeCall::kBuild:
      text += fmt::format(", changed at byte {}{} ({} at byte {}, BUILD)", use.called_at, of,
                          CodeSourceName(use.source), use.position);
      break;
    default:
      text += fmt::format(", called at byte {}{} ({} at byte {}, {})", use.called_at, of, CodeSourceName(use.source),
                          use.position, CodeCallName(use.call));
  }
  if (!use.remark.empty()) text += ": " + use.remark;
  return text;
}

uint64_t ScanReport::Count(Judgement judgement) const {
  return static_cast<uint64_t>(
      std::count_if(code.begin(), code.end(), [&](const CodeUse& use) { return use.judgement == judgement; }));
}

ScanVerdict VerdictOf(const ScanReport& report) {
  if (report.Count(Judgement::kDangerous) > 0) return ScanVerdict::kDangerous;
  const auto is_trick = [](const Finding& finding) { return finding.severity == Severity::kDanger; };
  if (std::any_of(report.findings.begin(), report.findings.end(), is_trick)) return ScanVerdict::kTricks;
  if (report.unread > 0) return ScanVerdict::kPartial;
  if (report.Count(Judgement::kUnknown) > 0) return ScanVerdict::kUnknown;
  return ScanVerdict::kData;
}

const char* VerdictName(ScanVerdict verdict) {
  switch (verdict) {
    case ScanVerdict::kDangerous: return "dangerous";
    case ScanVerdict::kTricks: return "tricks";
    case ScanVerdict::kPartial: return "partial";
    case ScanVerdict::kUnknown: return "unknown";
    case ScanVerdict::kData: return "data";
  }
  return "";
}

bool Passes(ScanVerdict verdict, bool strict) {
  return verdict == ScanVerdict::kData || (verdict == ScanVerdict::kUnknown && !strict);
}

Result<ScanReport> Scan(const std::string& path) {
  PTHVIEW_ASSIGN(std::shared_ptr<const ByteSource> source, OpenNamed(path));
  // Of a distant file, too, every header is to be read rather than assumed: a slice hides that it is one.
  if (source->descriptor() < 0) source = OpenSlice(source, 0, source->size(), source->name());
  return Scan(source);
}

Result<ScanReport> Scan(const std::shared_ptr<const ByteSource>& source) {
  ScanReport report;
  report.file = source->name();
  report.size = source->size();
  ScanTarget target;
  target.source = source;
  target.file_base = 0;
  ScanWalker walker(&report, source->size());
  const bool known = walker.Visit(target);
  PTHVIEW_TRY(source->CheckUnchanged());
  walker.Finish();
  if (!known) {
    if (walker.error()) return std::move(*walker.error()).In(source->name());
    const std::string what = report.wrappers.empty() ? "nothing in it" : "nothing inside the " + report.wrappers[0];
    return Error{.code = ErrorCode::kUnrecognized,
                 .message = source->size() == 0 ? "the file is empty"
                                                : what +
                                                      " is a pickle, an archive or code that is known here, so that "
                                                      "nothing can be said about it",
                 .file = source->name()};
  }
  return report;
}

}  // namespace pthview
