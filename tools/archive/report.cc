// report.html: the run on one page, without anything from outside.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "tools/archive/layout.h"

namespace pthview::archive {
namespace {

constexpr size_t kMostRows = 2000;  // of each table; the manifest has all

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%;margin:.5em 0 2em}"
    "td,th{border-bottom:1px solid #ddd;padding:.3em .6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "table.c{width:auto;min-width:20em;margin-bottom:1em}.s{display:flex;flex-wrap:wrap;gap:0 "
    "4em;align-items:flex-start}"
    "th{font-weight:600}td.n,th.n{text-align:right;white-space:nowrap}.k{white-space:nowrap}.bad{color:#a00}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}.bad{color:#f88}}";

std::string Bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string Html(std::string_view text) { return EscapeForHtml(EscapeForTerminal(text)); }

void Counts(std::string& out, std::string_view title, const std::map<std::string, uint64_t>& counts) {
  if (counts.empty()) return;
  out += fmt::format("<div><h2>{}</h2><table class=c>", title);
  for (const auto& [name, count] : counts) {
    out += fmt::format("<tr><td>{}<td class=n>{}", Html(name), count);
  }
  out += "</table></div>";
}

}  // namespace

std::string ReportHtml(const std::map<std::string, Entry>& entries, const Summary& summary) {
  std::string out = "<!doctype html><html lang=en><meta charset=utf-8><title>pthview normalize</title><style>";
  out += kStyle;
  out += "</style><h1>Normalised checkpoints</h1><div class=s><div><h2>The run</h2><table class=c>";
  auto line = [&](std::string_view what, const std::string& value) {
    out += fmt::format("<tr><td>{}<td class=n>{}", what, value);
  };
  line("sources", std::to_string(summary.sources));
  line("written", std::to_string(summary.State("done")));
  line("equal to another source", std::to_string(summary.State("same")));
  line("refused", std::to_string(summary.State("refused")));
  line("failed, to be tried again", std::to_string(summary.State("failed")));
  line("no checkpoints", std::to_string(summary.State("other")));
  line("bytes read", Bytes(summary.source_bytes));
  line("bytes of the outputs", Bytes(summary.output_bytes));
  line("bytes of sources that equal another", Bytes(summary.saved_bytes));
  line("dropped, in all ledgers", std::to_string(summary.dropped));
  line("changed", std::to_string(summary.changed));
  line("described only", std::to_string(summary.described));
  out += "</table></div>";
  Counts(out, "Formats", summary.formats);
  Counts(out, "Verdicts of scan", summary.verdicts);
  out += "</div>";

  // Dangerous ones first.
  static constexpr std::string_view kOrder[] = {"dangerous", "tricks", "partial", "unknown"};
  out += "<h2>What loading the sources with Python could run</h2><table><tr><th>verdict<th>source";
  size_t rows = 0;
  for (std::string_view verdict : kOrder) {
    for (const auto& [name, entry] : entries) {
      if (entry.verdict != verdict || ++rows > kMostRows) continue;
      out += fmt::format("<tr><td{}>{}<td>{}", verdict == "dangerous" || verdict == "tricks" ? " class=bad" : "",
                         verdict, Html(entry.source));
    }
  }
  out += "</table>";
  auto table = [&](std::string_view title, std::string_view columns, auto wanted, auto cells) {
    out += fmt::format("<h2>{}</h2><table><tr>{}", title, columns);
    size_t shown = 0;
    size_t all = 0;
    for (const auto& [name, entry] : entries) {
      if (!wanted(entry)) continue;
      ++all;
      if (++shown <= kMostRows) out += cells(entry);
    }
    out += "</table>";
    if (all > kMostRows) out += fmt::format("<p>and {} more, in manifest.jsonl", all - kMostRows);
  };
  table(
      "Refused and failed", "<th>source<th>state<th>why",
      [](const Entry& e) { return e.state == "refused" || e.state == "failed"; },
      [](const Entry& e) {
        return fmt::format("<tr><td>{}<td class=k>{}<td>{}", Html(e.source), Html(e.state), Html(e.error));
      });
  table(
      "Losses", "<th>source<th class=n>dropped<th class=n>changed<th class=n>described",
      [](const Entry& e) { return e.state == "done" && e.dropped + e.changed + e.described > 0; },
      [](const Entry& e) {
        return fmt::format("<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}", Html(e.source), e.dropped, e.changed,
                           e.described);
      });
  table(
      "Duplicates", "<th>source<th>equals", [](const Entry& e) { return e.state == "same"; },
      [](const Entry& e) { return fmt::format("<tr><td>{}<td>{}", Html(e.source), Html(e.same_as)); });
  return out + "</html>\n";
}

}  // namespace pthview::archive
