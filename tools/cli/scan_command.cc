// pthview scan: what loading a file with Python could run.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "lib/analysis/scan/scan.h"
#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/formats/torch/torch_layers.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/scan_sarif.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

constexpr size_t kRowsShown = 20;
constexpr size_t kGroupOf = 4;  // unknown names of one package are told apart up to here

std::string Plural(uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", WithCommas(count), what, count == 1 ? "" : "s");
}

void PrintRow(Output& out, std::string_view label, const std::string& shown, std::string_view text) {
  out << "  " << shown << std::string(std::max<size_t>(11, label.size() + 1) - label.size(), ' ')
      << EscapeForTerminal(text) << "\n";
}

void PrintDangerous(Output& out, const Style& style, const ScanReport& report) {
  size_t shown = 0;
  uint64_t count = 0;
  for (const CodeUse& use : report.code) {
    if (use.judgement != Judgement::kDangerous) continue;
    if (++count > kRowsShown) continue;
    PrintRow(out, "dangerous", style.Red("dangerous"), Describe(use));
    ++shown;
  }
  if (count > shown) PrintRow(out, "", "", fmt::format("{} more; --json has them all", WithCommas(count - shown)));
}

// By package: forty classes of one project are one line.
void PrintUnknown(Output& out, const Style& style, const ScanReport& report) {
  std::map<std::string_view, std::vector<const CodeUse*>> groups;
  for (const CodeUse& use : report.code) {
    if (use.judgement != Judgement::kUnknown) continue;
    const std::string_view module = use.module.empty() ? std::string_view(use.name) : std::string_view(use.module);
    groups[module.substr(0, module.find('.'))].push_back(&use);
  }
  size_t lines = 0;
  size_t hidden = 0;
  for (const auto& [package, uses] : groups) {
    const size_t apart = uses.size() <= kGroupOf ? uses.size() : 1;
    for (size_t i = 0; i < apart; ++i) {
      if (++lines > kRowsShown) {
        ++hidden;
        continue;
      }
      std::string text = Describe(*uses[i]);
      if (apart < uses.size()) {
        text += fmt::format("; and {} of {}", Plural(uses.size() - 1, "more name"), package);
      }
      PrintRow(out, "unknown", style.Yellow("unknown"), text);
    }
  }
  if (hidden > 0) PrintRow(out, "", "", fmt::format("{} more; --json has them all", WithCommas(hidden)));
}

// Layers of torch.nn: whose code runs is known.
void PrintLayers(Output& out, const ScanReport& report) {
  const CodeUse* first = nullptr;
  size_t count = 0;
  for (const CodeUse& use : report.code) {
    if (use.judgement != Judgement::kData || !IsTorchLayer(use.module, use.name)) continue;
    if (first == nullptr) first = &use;
    ++count;
  }
  if (first == nullptr) return;
  PrintRow(out, "torch", "torch",
           fmt::format("{}.{}{}: torch's own code", first->module, first->name,
                       count > 1 ? fmt::format(" and {} of torch.nn", Plural(count - 1, "more name")) : ""));
}

void PrintFindings(Output& out, const Style& style, const ScanReport& report) {
  std::vector<const Finding*> order;
  order.reserve(report.findings.size());
  for (const Finding& finding : report.findings) order.push_back(&finding);
  std::stable_sort(order.begin(), order.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  for (size_t i = 0; i < order.size() && i < kRowsShown; ++i) {
    const std::string severity(SeverityName(order[i]->severity));
    PrintRow(out, severity, order[i]->severity >= Severity::kError ? style.Red(severity) : style.Yellow(severity),
             (order[i]->where.empty() ? "" : order[i]->where + ": ") + order[i]->text);
  }
  if (order.size() > kRowsShown) {
    PrintRow(out, "", "", fmt::format("{} more; --json has them all", WithCommas(order.size() - kRowsShown)));
  }
}

// Source text that loading would run: its first lines.
void PrintSources(Output& out, const ScanReport& report) {
  constexpr size_t kSources = 4;
  constexpr size_t kLines = 8;
  constexpr size_t kColumns = 100;
  size_t count = 0;
  for (const LookedAt& looked : report.looked_at) {
    if (looked.text.empty() || ++count > kSources) continue;
    PrintRow(out, "would run", "would run", looked.record + ", source text:");
    std::string_view left = looked.text;
    left.remove_prefix(std::min(left.find_first_not_of("\r\n"), left.size()));
    for (size_t line = 0; !left.empty(); ++line) {
      if (line == kLines) {
        PrintRow(out, "", "", fmt::format("    ... {} bytes more; --json has them", WithCommas(left.size())));
        break;
      }
      std::string_view text = left.substr(0, left.find('\n'));
      left.remove_prefix(std::min(left.size(), text.size() + 1));
      PrintRow(out, "", "", "    " + EscapeName(text.substr(0, kColumns)) + (text.size() > kColumns ? " ..." : ""));
    }
  }
  if (count > kSources)
    PrintRow(out, "", "", fmt::format("{} more; --json has them all", WithCommas(count - kSources)));
}

// What the default of torch.load says of the file, and what to write if it is trusted.
void PrintWeightsOnly(Output& out, const ScanReport& report) {
  constexpr std::string_view kLabel = "torch.load";
  if (!report.weights_only) return;
  const WeightsOnlyReport& weights = *report.weights_only;
  if (weights.Loads()) {
    PrintRow(out, kLabel, std::string(kLabel), "weights_only=True loads it");
    return;
  }
  if (!weights.never.empty()) {
    PrintRow(out, kLabel, std::string(kLabel),
             fmt::format("weights_only=True refuses it whatever is allowed: {} at byte {}", weights.never,
                         weights.never_at));
    return;
  }
  PrintRow(out, kLabel, std::string(kLabel),
           fmt::format("weights_only=True refuses {}; to allow {}, if you trust {}:",
                       weights.refused.empty() ? "it" : Plural(weights.refused.size(), "name"),
                       weights.refused.size() == 1 ? "it" : "them", "the file and that code"));
  std::string imports;
  for (const std::string& module : weights.LineImports()) {
    if (module != "torch") imports += (imports.empty() ? "import torch, " : ", ") + module;
  }
  if (!imports.empty()) PrintRow(out, "", "", "    " + imports);
  if (!weights.Line().empty()) PrintRow(out, "", "", "    " + weights.Line());
}

std::string VerdictText(const Style& style, const ScanReport& report) {
  const bool unknown = report.Count(Judgement::kUnknown) > 0;
  const bool layers = std::any_of(report.code.begin(), report.code.end(),
                                  [](const CodeUse& use) { return IsTorchLayer(use.module, use.name); });
  const std::string named = unknown  ? "loading it runs code that is not known"
                            : layers ? "nothing but data and torch's own layers is named"
                                     : "nothing but data is named";
  switch (VerdictOf(report)) {
    case ScanVerdict::kDangerous: return style.Red("loading it runs what is known to be dangerous");
    case ScanVerdict::kTricks:
      return style.Red((unknown ? named : named + " in what was looked at") +
                       ", but the file plays tricks: programs may read it differently");
    case ScanVerdict::kPartial:
      return style.Yellow((unknown ? named : named + " in the part that could be looked at") +
                          fmt::format("; {} could not be, or not to the end",
                                      report.unread == 1 ? "1 part" : WithCommas(report.unread) + " parts"));
    case ScanVerdict::kUnknown: return style.Yellow(named);
    case ScanVerdict::kData: break;
  }
  return named + " in what was looked at";
}

void PrintText(Output& out, const Style& style, const ScanReport& report) {
  out << style.Bold(EscapeForTerminal(report.file)) << ": " << VerdictText(style, report) << "\n";
  PrintDangerous(out, style, report);
  PrintUnknown(out, style, report);
  PrintLayers(out, report);
  PrintSources(out, report);
  PrintFindings(out, style, report);
  PrintWeightsOnly(out, report);
  uint64_t sources = 0;
  uint64_t bytes = 0;
  for (const LookedAt& looked : report.looked_at) {
    sources += looked.kind != "pickle" ? 1 : 0;
    if (looked.text.empty()) bytes += looked.bytes;  // else a part of what is counted already
  }
  std::string text = fmt::format("{} with {}", Plural(report.pickles, "pickle"), Plural(report.globals, "global"));
  if (sources > 0) text += ", " + WithCommas(sources) + (sources == 1 ? " source or library" : " sources or libraries");
  if (report.records > 0) text += ", " + Plural(report.records, "record");
  text += fmt::format(": {} of {}", Plural(bytes, "byte"), WithCommas(report.size));
  if (report.unread > 0)
    text += fmt::format("; {} could not be looked at, or not to the end", WithCommas(report.unread));
  PrintRow(out, "looked at", "looked at", text);
}

void WriteUse(JsonWriter& json, const CodeUse& use) {
  json.BeginObject();
  json.Key("module").String(use.module);
  json.Key("name").String(use.name);
  json.Key("judgement").String(JudgementName(use.judgement));
  json.Key("record").String(use.record);
  json.Key("how").String(CodeSourceName(use.source));
  json.Key("byte").Uint(use.position);
  if (use.file_position) json.Key("file_byte").Uint(*use.file_position);
  if (use.call != CodeCall::kNone) {
    json.Key("call").String(CodeCallName(use.call));
    json.Key("call_byte").Uint(use.called_at);
  }
  json.Key("times").Uint(use.times);
  if (!use.remark.empty()) json.Key("remark").String(use.remark);
  json.EndObject();
}

void WriteWeightsOnly(JsonWriter& json, const std::optional<WeightsOnlyReport>& weights) {
  if (!weights) {
    json.Null();
    return;
  }
  json.BeginObject().Key("record").String(weights->record).Key("loads").Bool(weights->Loads());
  json.Key("refused").BeginArray();
  for (const std::string& name : weights->refused) json.String(name);
  json.EndArray();
  if (!weights->never.empty()) json.Key("never").String(weights->never).Key("never_byte").Uint(weights->never_at);
  json.Key("imports").BeginArray();
  for (const std::string& module : weights->LineImports()) json.String(module);
  json.EndArray();
  json.Key("line").String(weights->Line());
  json.EndObject();
}

void WriteReport(JsonWriter& json, Output& out, const ScanReport& report) {
  json.BeginObject();
  json.Key("file").String(report.file);
  json.Key("verdict").String(VerdictName(VerdictOf(report)));
  json.Key("bytes").Uint(report.size);
  json.Key("containers").BeginArray();
  for (const std::string& wrapper : report.wrappers) json.String(wrapper);
  json.EndArray();
  json.Key("counts").BeginObject();
  json.Key("pickles").Uint(report.pickles).Key("globals").Uint(report.globals).Key("records").Uint(report.records);
  for (Judgement judgement : {Judgement::kData, Judgement::kUnknown, Judgement::kDangerous}) {
    json.Key(JudgementName(judgement)).Uint(report.Count(judgement));
  }
  json.Key("unread").Uint(report.unread).EndObject();
  json.Key("code").BeginArray();
  for (const CodeUse& use : report.code) {
    WriteUse(json, use);
    out.MaybeFlush();
  }
  json.EndArray();
  json.Key("looked_at").BeginArray();
  for (const LookedAt& looked : report.looked_at) {
    json.BeginObject().Key("record").String(looked.record).Key("kind").String(looked.kind);
    json.Key("bytes").Uint(looked.bytes);
    if (looked.kind == "pickle") {
      json.Key("pickles").Uint(looked.pickles).Key("globals").Uint(looked.globals).Key("whole").Bool(looked.whole);
    }
    if (!looked.text.empty()) json.Key("text").String(EscapeName(looked.text));
    json.EndObject();
    out.MaybeFlush();
  }
  json.EndArray();
  json.Key("weights_only");
  WriteWeightsOnly(json, report.weights_only);
  json.Key("findings");
  WriteFindings(json, report.findings);
  json.EndObject();
}

// A directory stands for the files below it. Links are not followed.
std::vector<std::string> FilesBelow(const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored) && !at->is_symlink(ignored)) files.push_back(at->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int RunScan(const Arguments& arguments) {
  const bool as_json = arguments.Flag("json");
  const bool as_sarif = arguments.Flag("sarif");
  const bool strict = arguments.Flag("strict");
  if (as_json && as_sarif) {
    PrintError(Error{.code = ErrorCode::kUsage, .message = "--json and --sarif exclude each other"});
    return kExitError;
  }
  Output out;
  const Style style(UseColor(arguments));
  JsonWriter json(&out.buffer());
  std::vector<ScanReport> reports;
  std::vector<Error> errors;
  bool refused = false;
  uint64_t skipped = 0;
  if (as_json) json.BeginObject().Key("schema").String("pthview.scan/1").Key("files").BeginArray();
  const auto scan = [&](const std::string& file, bool inside) {
    auto report = Scan(file);
    if (!report) {
      if (inside && report.error().code == ErrorCode::kUnrecognized) {
        ++skipped;
        return;
      }
      Error error = std::move(report).error();
      if (error.file.empty()) error.file = DisplayName(file);
      out.Flush();
      PrintError(error);
      if (as_json) {
        json.BeginObject().Key("file").String(DisplayName(file)).Key("error");
        WriteError(json, error);
        json.EndObject();
      }
      errors.push_back(std::move(error));
      return;
    }
    refused = refused || !Passes(VerdictOf(*report), strict);
    if (as_sarif) {
      reports.push_back(std::move(*report));
    } else if (as_json) {
      WriteReport(json, out, *report);
    } else {
      PrintText(out, style, *report);
    }
  };
  for (const std::string& path : arguments.files) {
    std::error_code ignored;
    const bool directory = path != kStandardInput && !IsUrl(path) && std::filesystem::is_directory(path, ignored);
    if (!directory) {
      scan(path, false);
      continue;
    }
    const uint64_t before = skipped;
    const std::vector<std::string> files = FilesBelow(path);
    for (const std::string& file : files) scan(file, true);
    if (skipped - before == files.size()) {
      Error error{.code = ErrorCode::kUnrecognized,
                  .message = "the directory holds no file that is a pickle, an archive or code known here",
                  .file = path};
      PrintError(error);
      errors.push_back(std::move(error));
    } else if (skipped > before) {
      PrintNote(arguments, fmt::format("{}: {} of no kind that is looked into", EscapeForTerminal(path),
                                       Plural(skipped - before, "file")));
    }
  }
  if (as_json) {
    json.EndArray().EndObject();
    out << "\n";
  }
  if (as_sarif) out << ScanSarif(reports, errors, strict) << "\n";
  return !errors.empty() ? kExitError : refused ? kExitNo : kExitOk;
}

}  // namespace pthview
