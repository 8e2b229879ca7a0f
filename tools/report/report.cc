#include "tools/report/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "lib/analysis/pictures/color.h"
#include "lib/analysis/statistics/figures.h"
#include "lib/analysis/summary/parameter_counts.h"
#include "lib/analysis/summary/what_it_is.h"
#include "lib/analysis/summary/written_values.h"
#include "lib/base/base64.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/base/sha256.h"
#include "lib/base/threads.h"
#include "lib/model/tied.h"
#include "tools/report/page.h"
#include "tools/report/thumbnail.h"

namespace pthview::report {
namespace {

constexpr size_t kFirstValues = 12;    // plain values of the summary that are seen at once
constexpr size_t kMostValues = 100;    // plain values of the summary
constexpr size_t kLongestValue = 300;  // characters
constexpr size_t kMostFindings = 200;
constexpr size_t kMostOfOneWarning = 20;  // names that stand in the list; the table has all

std::string Html(std::string_view text) { return EscapeForHtml(EscapeForTerminal(text)); }

std::string Commas(uint64_t number) { return WithThousands(number); }

std::string Bytes(uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  for (; size >= 1023.95 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string Counts(const std::map<std::string_view, uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", Html(name), Commas(count));
  }
  return text;
}

// The hash by which a page's policy lets a script or style run: base64 of SHA-256.
std::string PolicyHash(std::string_view text) {
  Sha256 sha;
  sha.Update(std::as_bytes(std::span(text)));
  const std::string hex = sha.Finish();
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return "'sha256-" + Base64(bytes) + "'";
}

std::string Head(const Input& input) {
  std::string text = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  text += fmt::format(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {}; style-src {}; "
      "base-uri 'none'; form-action 'none'\">\n",
      PolicyHash(kScript), PolicyHash(kStyle));
  text +=
      "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n";
  text += "<meta name=\"referrer\" content=\"no-referrer\">\n";
  text += fmt::format("<title>{}: report of pthview</title>\n<style>", Html(input.title));
  return text.append(kStyle).append("</style>\n</head>\n");
}

// ---- warnings ----

void PutWarnings(const Input& input, std::string& text) {
  // In the order in which each kind first comes.
  std::vector<std::pair<std::string_view, std::vector<const HealthWarning*>>> kinds;
  for (const HealthWarning& warning : input.warnings) {
    auto found = std::ranges::find(kinds, warning.code, &decltype(kinds)::value_type::first);
    if (found == kinds.end()) found = kinds.insert(kinds.end(), {warning.code, {}});
    found->second.push_back(&warning);
  }
  std::vector<const Finding*> serious;
  for (const Finding& finding : input.model.findings) {
    if (finding.severity >= Severity::kWarning) serious.push_back(&finding);
  }
  std::ranges::stable_sort(serious, [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  text += "<section id=\"warnings\">\n<h2>Warnings</h2>\n";
  if (kinds.empty() && serious.empty()) {
    text += "<p class=\"quiet\">Nothing looks unwell in what was looked at. That proves nothing.</p>\n";
  }
  for (size_t i = 0; i < serious.size() && i < kMostFindings; ++i) {
    const Finding& finding = *serious[i];
    text += fmt::format("<div class=\"warning {}\"><b>{}</b> {}{}</div>\n", SeverityName(finding.severity),
                        Html(finding.code),
                        finding.where.empty() ? "" : "<code>" + Html(finding.where) + "</code>: ", Html(finding.text));
  }
  if (serious.size() > kMostFindings)
    text += fmt::format("<p>... and {} more</p>\n", Commas(serious.size() - kMostFindings));
  for (const auto& [code, warnings] : kinds) {
    text += fmt::format("<details class=\"warning health\"{}><summary><b>{}</b> {} tensor{}: {}</summary>\n<ul>\n",
                        warnings.size() <= 3 ? " open" : "", Html(code), Commas(warnings.size()),
                        warnings.size() == 1 ? "" : "s", Html(warnings[0]->meaning));
    for (size_t i = 0; i < warnings.size() && i < kMostOfOneWarning; ++i) {
      text += fmt::format("<li><code>{}</code> {}</li>\n", Html(input.model.tensors[warnings[i]->tensor].name),
                          Html(warnings[i]->why));
    }
    if (warnings.size() > kMostOfOneWarning) {
      text +=
          fmt::format("<li>... and {} more, in the table below</li>\n", Commas(warnings.size() - kMostOfOneWarning));
    }
    text += "</ul></details>\n";
  }
  text += "</section>\n";
}

// ---- summary ----

void PutFact(std::string& text, std::string_view name, const std::string& html) {
  if (!html.empty()) text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
}

void PutParts(const Model& model, std::string& text) {
  if (model.parts.size() < 2) return;
  std::vector<uint64_t> tensors(model.parts.size());
  std::vector<uint64_t> bytes(model.parts.size());
  for (const Tensor& tensor : model.tensors) {
    if (tensor.part == kNone) continue;
    ++tensors[tensor.part];
    bytes[tensor.part] += StoredBytes(model, tensor);
  }
  const std::vector<ParameterCounts> counts = CountParametersByPart(model);
  text +=
      "<table class=\"parts\"><thead><tr><th>section</th><th>what it is</th><th>tensors</th><th>parameters</th>"
      "<th>bytes</th></tr></thead><tbody>\n";
  for (size_t p = 0; p < model.parts.size(); ++p) {
    if (tensors[p] == 0) continue;
    text += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        model.parts[p].path.empty() ? "the file" : Html(model.parts[p].path),
                        PartKindName(model.parts[p].kind), Commas(tensors[p]), Commas(counts[p].all), Bytes(bytes[p]));
  }
  text += "</tbody></table>\n";
}

void PutSummary(const Input& input, std::string& text) {
  const Model& model = input.model;
  std::map<std::string_view, uint64_t> dtypes;
  std::map<std::string_view, uint64_t> devices;
  TensorCount count;
  for (const Row& row : input.rows) {
    const Tensor& tensor = model.tensors[row.tensor];
    ++dtypes[DTypeName(tensor.dtype)];
    if (!tensor.device.empty()) ++devices[tensor.device];
    count.Add(model, tensor);
  }
  text += "<section id=\"summary\">\n<h2>Summary</h2>\n<div class=\"columns\">\n<div>\n<dl>\n";
  PutFact(text, "Format", Html(model.format_text.empty() ? model.format : model.format_text));
  PutFact(text, "Written by", Html(model.producer));
  PutFact(text, "Size", Bytes(input.file_bytes));
  PutFact(text, "Tensors",
          fmt::format("{}{}", Commas(count.tensors()),
                      count.tied() > 0 ? fmt::format(", and {} further names of them", Commas(count.tied())) : ""));
  PutFact(text, "Parameters", Commas(count.parameters()));
  PutFact(text, "Types", Counts(dtypes));
  PutFact(text, "Devices", Counts(devices));
  for (const std::string& note : input.notes) PutFact(text, "Note", Html(note));
  text += "</dl>\n";
  PutParts(model, text);
  text += "</div>\n";
  std::string values;
  size_t shown = 0;
  for (const RankedValue& ranked : RankValues(model)) {
    if (ranked.rank >= ValueRank::kOptimizer || ++shown > kMostValues) break;
    if (shown == kFirstValues + 1) values += "</dl>\n<details><summary>more</summary>\n<dl class=\"values\">\n";
    const PlainValue& plain = model.plain[ranked.plain];
    std::string said = Html(plain.text.substr(0, kLongestValue));
    if (plain.text.size() > kLongestValue) said += "...";
    values += fmt::format("<dt><code>{}</code></dt><dd>{}</dd>\n", Html(plain.path), said);
  }
  if (!values.empty()) text += "<div><h3>Written into it</h3>\n<dl class=\"values\">\n" + values + "</dl>";
  if (shown > kFirstValues) text += "</details>";
  if (!values.empty()) text += "</div>\n";
  text += "</div>\n";
  std::string remarks;
  size_t told = 0;
  for (const Finding& finding : model.findings) {
    if (finding.severity != Severity::kInfo || ++told > kMostFindings) continue;
    remarks +=
        fmt::format("<li>{}{}</li>\n",
                    finding.where.empty() ? "" : "<code>" + Html(finding.where) + "</code>: ", Html(finding.text));
  }
  if (!remarks.empty()) {
    text += fmt::format(
        "<details><summary>Read with these assumptions and remarks ({})</summary>\n<ul>\n{}</ul></details>\n",
        Commas(std::min(told, kMostFindings)), remarks);
  }
  text += "</section>\n";
}

// ---- data for the script ----

// JSON for a script element: in it '<' stands in texts only, and there as JSON's escape of it, so that whatever a name
// holds, no tag begins.
Status WriteData(std::string& json, OutputFile& out) {
  std::string safe;
  safe.reserve(json.size());
  for (char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  json.clear();
  return out.Write(safe);
}

// Six digits are more than a page shows.
void PutNumber(JsonWriter& json, double value) {
  if (std::isnan(value)) {
    json.Null();
  } else if (std::isinf(value)) {
    json.String(value > 0 ? "inf" : "-inf");
  } else {
    json.Raw(fmt::format("{:.6g}", value));
  }
}

// Neighbouring bins put together where there are few values: a bar for each of 16 values shows no shape.
std::vector<int64_t> ShownBins(const Histogram& histogram, int64_t values) {
  static constexpr std::array<std::pair<int64_t, size_t>, 3> kBins = {{{32, 8}, {256, 16}, {2048, 32}}};
  size_t bins = histogram.counts.size();
  for (const auto& [most, wanted] : kBins) {
    if (values > most) continue;
    bins = wanted;
    break;
  }
  if (histogram.counts.size() % bins != 0) return histogram.counts;
  const size_t each = histogram.counts.size() / bins;
  std::vector<int64_t> shown(bins);
  for (size_t i = 0; i < histogram.counts.size(); ++i) shown[i / each] += histogram.counts[i];
  return shown;
}

void PutHistogram(JsonWriter& json, const Histogram& histogram, int64_t values) {
  const std::vector<int64_t> counts = ShownBins(histogram, values);
  const int64_t most = std::max<int64_t>(1, *std::ranges::max_element(counts));
  std::string bytes;
  for (int64_t count : counts) {
    const double share = static_cast<double>(count) / static_cast<double>(most);
    // What is there at all can be seen.
    bytes += static_cast<char>(count == 0 ? 0 : std::max<long>(1, std::lround(share * 255)));
  }
  json.Key("h").BeginArray();
  PutNumber(json, histogram.low);
  PutNumber(json, histogram.high);
  json.Int(most).String(Base64(bytes)).EndArray();
}

void PutThumbnail(JsonWriter& json, const Thumbnail& thumbnail) {
  if (thumbnail.kind == Thumbnail::Kind::kNone) return;
  static constexpr std::array<std::string_view, 5> kKinds = {"", "cells", "filters", "colors", "line"};
  json.Key("i").BeginArray().String(kKinds[static_cast<size_t>(thumbnail.kind)]);
  json.Int(thumbnail.rows).Int(thumbnail.columns).Int(thumbnail.tiles).Int(thumbnail.across);
  PutNumber(json, thumbnail.low);
  PutNumber(json, thumbnail.high);
  json.String(Base64(thumbnail.bytes)).String(thumbnail.note).EndArray();
}

int64_t SideFor(size_t tensors) {
  static constexpr std::array<std::pair<size_t, int64_t>, 4> kSides = {
      {{300, 64}, {1500, 48}, {6000, 32}, {20'000, 16}}};
  for (const auto& [most, side] : kSides) {
    if (tensors <= most) return side;
  }
  return 0;
}

// Modules of the parts that the rows are of: parents first, with the rows that each holds itself.
void PutModules(JsonWriter& json, const Input& input) {
  const Model& model = input.model;
  std::unordered_map<Index, size_t> row_of;
  for (size_t i = 0; i < input.rows.size(); ++i) row_of.emplace(input.rows[i].tensor, i);
  std::vector<bool> used(model.modules.size());
  for (size_t m = model.modules.size(); m-- > 0;) {
    const Module& module = model.modules[m];
    const bool own = std::ranges::any_of(module.tensors, [&](Index t) { return row_of.contains(t); });
    if (own) used[m] = true;
    if (used[m] && module.parent != kNone) used[module.parent] = true;
  }
  std::vector<int64_t> number(model.modules.size(), -1);
  std::map<Index, Index> part_of_root;
  for (size_t p = 0; p < model.parts.size(); ++p) part_of_root.emplace(model.parts[p].root, static_cast<Index>(p));
  json.Key("modules").BeginArray();
  int64_t next = 0;
  for (size_t m = 0; m < model.modules.size(); ++m) {
    if (!used[m]) continue;
    const Module& module = model.modules[m];
    number[m] = next++;
    auto part = part_of_root.find(static_cast<Index>(m));
    const std::string_view name =
        module.parent == kNone && part != part_of_root.end() ? model.parts[part->second].path : module.name;
    json.BeginArray(true).String(name).Int(module.parent == kNone ? -1 : number[module.parent]);
    const std::string_view class_name = module.class_name;
    json.String(class_name.substr(class_name.rfind('.') + 1)).BeginArray(true);
    for (Index t : module.tensors) {
      if (auto row = row_of.find(t); row != row_of.end()) json.Uint(row->second);
    }
    json.EndArray().EndArray();
  }
  json.EndArray();
}

void PutColors(JsonWriter& json) {
  std::string bytes;
  for (const pictures::Color& color : pictures::ColorMaps()[0].Table(kHighest + 1)) {
    for (uint8_t part : {color.red, color.green, color.blue}) bytes += static_cast<char>(part);
  }
  for (const pictures::Color& color : {pictures::kInfinityColor, pictures::kNanColor}) {
    for (uint8_t part : {color.red, color.green, color.blue}) bytes += static_cast<char>(part);
  }
  json.Key("colors").String(Base64(bytes));
}

// What the optimizer remembers, as pairs of a name and a number.
void PutUpdate(JsonWriter& json, const UpdateFigures& update) {
  json.Key("o").BeginArray().String(update.kind);
  PutNumber(json, update.gradient);
  PutNumber(json, update.ratio);
  json.EndArray();
}

void PutTensor(JsonWriter& json, const Input& input, const Row& row, const Thumbnail& thumbnail,
               std::span<const HealthWarning* const> warnings) {
  const Tensor& tensor = input.model.tensors[row.tensor];
  json.BeginObject().Key("n").String(row.name).Key("d").String(DTypeName(tensor.dtype));
  json.Key("k").String(KindName(tensor.kind)).Key("s").BeginArray(true);
  for (int64_t size : tensor.shape) json.Int(size);
  json.EndArray().Key("e").Int(tensor.numel).Key("b").Uint(StoredBytes(input.model, tensor));
  if (tensor.part != kNone) json.Key("p").Int(static_cast<int64_t>(tensor.part));
  if (tensor.requires_grad) json.Key("g").Bool(*tensor.requires_grad);
  if (tensor.tied != kNone && input.model.tensors[tensor.tied].path != tensor.path) {
    json.Key("t").String(input.model.tensors[tensor.tied].path);
  }
  if (row.statistics != nullptr) {
    json.Key("f").BeginArray(true);
    for (const Figure& figure : Figures()) PutNumber(json, ValueOf(figure, *row.statistics));
    json.EndArray();
  } else {
    json.Key("r").String(row.reason);
  }
  if (row.histogram != nullptr && row.statistics != nullptr && row.statistics->finite > 0)
    PutHistogram(json, *row.histogram, row.statistics->finite);
  if (row.update != nullptr) PutUpdate(json, *row.update);
  PutThumbnail(json, thumbnail);
  if (!warnings.empty()) {
    json.Key("w").BeginArray();
    for (const HealthWarning* warning : warnings) {
      json.BeginArray().String(warning->code).String(warning->why).String(warning->meaning).EndArray();
    }
    json.EndArray();
  }
  json.EndObject();
}

// Pictures are made on all cores, a few at a time, and written in order.
Status PutTensors(JsonWriter& json, const Input& input, std::string& text, OutputFile& out) {
  std::unordered_map<Index, std::vector<const HealthWarning*>> warnings;
  for (const HealthWarning& warning : input.warnings) warnings[warning.tensor].push_back(&warning);
  const int64_t side = SideFor(input.rows.size());
  constexpr size_t kAtOnce = 64;
  json.Key("tensors").BeginArray();
  for (size_t begin = 0; begin < input.rows.size(); begin += kAtOnce) {
    const size_t count = std::min(kAtOnce, input.rows.size() - begin);
    std::vector<Thumbnail> pictures(count);
    ParallelFor(count, [&](size_t i) {
      const Row& row = input.rows[begin + i];
      if (row.statistics == nullptr || row.statistics->finite == 0) return;
      auto made = MakeThumbnail(input.model, input.model.tensors[row.tensor], side);
      // Why there is none was said where the figures were read, or there is no picture of such a tensor.
      if (made) pictures[i] = std::move(*made);
    });
    for (size_t i = 0; i < count; ++i) {
      const Row& row = input.rows[begin + i];
      PutTensor(json, input, row, pictures[i], warnings[row.tensor]);
      text += "\n";
    }
    PTHVIEW_TRY(WriteData(text, out));
  }
  json.EndArray();
  return Ok();
}

}  // namespace

Status Write(const Input& input, OutputFile& out) {
  const Model& model = input.model;
  PTHVIEW_TRY(out.Write(Head(input)));
  std::string text = fmt::format("<body>\n<header>\n<h1>{}</h1>\n<p>{}</p>\n</header>\n<main>\n", Html(input.title),
                                 Html(WhatItIs(model)));
  PutWarnings(input, text);
  PutSummary(input, text);
  text +=
      "<section id=\"modules\">\n<h2>Modules by their parameters</h2>\n<div id=\"trail\"></div>\n"
      "<div id=\"treemap\"></div>\n</section>\n"
      "<section id=\"tensors\">\n<h2>Tensors</h2>\n<div id=\"controls\"></div>\n<div id=\"table\"></div>\n</section>\n"
      "<noscript><p>Modules and tensors are drawn by this page's own script, which your browser does not "
      "run.</p></noscript>\n"
      "</main>\n<footer>Written by pthview. It holds figures and small pictures of the file's tensors, not their "
      "values, and asks for nothing from outside.</footer>\n<script type=\"application/json\" id=\"data\">";
  PTHVIEW_TRY(out.Write(text));
  std::string data;
  JsonWriter json(&data);
  json.BeginObject().Key("parts").BeginArray();
  for (const Part& part : model.parts) json.String(part.path);
  json.EndArray().Key("near_zero").Double(input.near_zero).Key("figures").BeginArray();
  for (const Figure& figure : Figures()) json.BeginArray().String(figure.name).String(figure.meaning).EndArray();
  json.EndArray();
  PutColors(json);
  PutModules(json, input);
  PTHVIEW_TRY(PutTensors(json, input, data, out));
  json.EndObject();
  PTHVIEW_TRY(WriteData(data, out));
  text = "</script>\n<script>";
  text.append(kScript).append("</script>\n</body>\n</html>\n");
  return out.Write(text);
}

}  // namespace pthview::report
