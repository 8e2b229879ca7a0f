// pthview diff: what two files differ by.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/analysis/compare/file_diff.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/base/progress.h"
#include "lib/formats/format.h"
#include "lib/model/tensor_data.h"
#include "tools/cli/console.h"
#include "tools/cli/selection.h"
#include "tools/cli/tensor_table.h"
#include "tools/cli/terminal.h"
#include "tools/cli/text_table.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

constexpr size_t kRowsShown = 100;  // of each kind of change, without --full

Result<double> NotNegative(const Arguments& arguments, std::string_view option, double otherwise) {
  if (!arguments.Flag(option)) return otherwise;
  const std::string text = arguments.Value(option);
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0) || !std::isfinite(value)) {
    return Error{.code = ErrorCode::kUsage, .message = fmt::format("--{} takes a number, not '{}'", option, text)};
  }
  return value;
}

Result<FileDiffOptions> OptionsOf(const Arguments& arguments) {
  FileDiffOptions options;
  options.values = !arguments.Flag("architecture");
  for (const std::string& rename : arguments.Values("map")) {
    size_t equals = rename.find('=');
    if (equals == std::string::npos) {
      return Error{.code = ErrorCode::kUsage,
                   .message = fmt::format("--map takes OLD=NEW, not '{}'", rename),
                   .hint = "`--map encoder.=backbone.` for names that begin otherwise"};
    }
    options.match.map.emplace_back(rename.substr(0, equals), rename.substr(equals + 1));
  }
  if (arguments.Flag("rtol") || arguments.Flag("atol")) {
    Tolerance tolerance;
    PTHVIEW_ASSIGN(tolerance.relative, NotNegative(arguments, "rtol", 0));
    PTHVIEW_ASSIGN(tolerance.absolute, NotNegative(arguments, "atol", 0));
    options.difference.tolerance = tolerance;
  }
  return options;
}

std::string NameOf(const Tensor& tensor) {
  return EscapeForTerminal(tensor.name.empty() ? "(the file's root)" : tensor.name);
}

std::string ShortText(std::string_view text) {
  std::string shown = EscapeForTerminal(text);
  if (shown.empty()) return "-";
  return shown.size() > 60 ? shown.substr(0, 57) + "..." : shown;
}

std::string_view MatchName(MatchedBy by) {
  switch (by) {
    case MatchedBy::kName: return "name";
    case MatchedBy::kPrefix: return "prefix";
    case MatchedBy::kMap: return "map";
    case MatchedBy::kContent: return "content";
  }
  return "name";
}

// "12 more (--full shows all)"
void More(Output& out, size_t all, size_t shown) {
  if (all > shown) out << fmt::format("  {} more (--full shows all)\n", WithCommas(all - shown));
}

void PrintChanges(Output& out, const Style& style, std::string_view title, const std::vector<Change>& changes,
                  size_t most) {
  if (changes.empty()) return;
  out << style.Bold(title) << "\n";
  for (size_t i = 0; i < std::min(most, changes.size()); ++i) {
    const Change& c = changes[i];
    std::string what = c.what == "value" ? "" : fmt::format(" {}", EscapeForTerminal(c.what));
    std::string sign = c.before.empty() ? "+" : c.after.empty() ? "-" : "~";
    std::string where = c.where.empty() ? "(root)" : EscapeForTerminal(c.where);
    std::string text = c.before.empty()  ? ShortText(c.after)
                       : c.after.empty() ? ShortText(c.before)
                                         : fmt::format("{} -> {}", ShortText(c.before), ShortText(c.after));
    out << fmt::format("  {} {}{}: {}{}\n", sign, where, what, c.inferred ? "~" : "", text);
  }
  More(out, changes.size(), most);
}

void PrintAlone(Output& out, const Style& style, const Model& model, const std::vector<Index>& tensors,
                std::string_view sign, std::string_view title, size_t most) {
  if (tensors.empty()) return;
  out << style.Bold(title) << "\n";
  for (size_t i = 0; i < std::min(most, tensors.size()); ++i) {
    const Tensor& tensor = model.tensors[tensors[i]];
    out << fmt::format("  {} {}  {} {}\n", sign, NameOf(tensor), DTypeName(tensor.dtype), ShapeText(tensor.shape));
  }
  More(out, tensors.size(), most);
}

void PrintText(Output& out, const Style& style, const Model& a, const Model& b, const FileDiff& diff, size_t most,
               size_t width) {
  out << fmt::format("--- {}\n+++ {}\n", EscapeForTerminal(a.file), EscapeForTerminal(b.file));
  if (a.format != b.format) {
    out << fmt::format("formats: {} and {}\n", EscapeForTerminal(a.format), EscapeForTerminal(b.format));
  }
  for (const std::string& note : diff.matching.notes) out << EscapeForTerminal(note) << "\n";
  PrintChanges(out, style, "architecture", diff.architecture, most);
  PrintAlone(out, style, a, diff.matching.only_a, "-", "only in the first", most);
  PrintAlone(out, style, b, diff.matching.only_b, "+", "only in the second", most);
  const auto& matches = diff.matching.matches;
  std::vector<size_t> moved;
  for (size_t i = 0; i < matches.size(); ++i) {
    if (matches[i].by == MatchedBy::kContent) moved.push_back(i);
  }
  if (!moved.empty()) out << style.Bold("the same values under another name") << "\n";
  for (size_t i = 0; i < std::min(most, moved.size()); ++i) {
    out << fmt::format("  {} -> {}\n", EscapeForTerminal(a.tensors[matches[moved[i]].a].path),
                       EscapeForTerminal(b.tensors[matches[moved[i]].b].path));
  }
  More(out, moved.size(), most);
  TextTable table({{.title = "tensor"},
                   {.title = "", .whole = true},
                   {.title = "max", .right = true},
                   {.title = "mean", .right = true, .give_up = 3},
                   {.title = "relative", .right = true},
                   {.title = "cosine", .right = true, .give_up = 2},
                   {.title = "differing", .right = true},
                   {.title = "", .idle = ""}});
  size_t listed = 0;
  size_t unlike = 0;
  for (size_t i = 0; i < diff.differences.size(); ++i) {
    const Difference& d = diff.differences[i];
    if (d.verdict == Verdict::kEqual) continue;
    if (++unlike > most) continue;
    ++listed;
    const Tensor& x = a.tensors[matches[i].a];
    const Tensor& y = b.tensors[matches[i].b];
    std::string name = NameOf(x);
    if (x.name != y.name) name += " -> " + NameOf(y);
    if (d.verdict == Verdict::kIncomparable) {
      table.Add({name, std::string(VerdictName(d.verdict)), "-", "-", "-", "-", "-", EscapeForTerminal(d.reason)});
      continue;
    }
    std::string note = d.not_finite == 0 ? "" : fmt::format("{} with NaN or infinity on one side", d.not_finite);
    table.Add({name, std::string(VerdictName(d.verdict)), ShortNumber(d.max), ShortNumber(d.mean),
               ShortNumber(d.relative), std::isnan(d.cosine) ? "-" : fmt::format("{:.6f}", d.cosine),
               PercentText(d.different, d.count), note});
  }
  if (!table.empty()) table.Print(out, style, width);
  More(out, unlike, listed);
  PrintChanges(out, style, "values", diff.metadata, most);
  std::string counts;
  auto count = [&](size_t number, std::string_view what) {
    if (number > 0) counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", WithCommas(number), what);
  };
  if (diff.differences.empty()) {
    count(matches.size(), "in both (values not compared)");
  } else {
    count(diff.Count(Verdict::kEqual), "equal");
    count(diff.Count(Verdict::kClose), "close");
    count(diff.Count(Verdict::kDiffers), "differ");
    count(diff.Count(Verdict::kIncomparable), "not comparable");
  }
  count(diff.matching.only_a.size(), "only in the first");
  count(diff.matching.only_b.size(), "only in the second");
  count(diff.architecture.size(), "changes of architecture");
  count(diff.metadata.size(), "changes of plain values");
  out << fmt::format("tensors: {}\n", counts.empty() ? "none" : counts);
}

void WriteChanges(JsonWriter& json, std::string_view key, const std::vector<Change>& changes) {
  json.Key(key).BeginArray();
  for (const Change& c : changes) {
    json.BeginObject().Key("where").String(c.where).Key("what").String(c.what).Key("before");
    c.before.empty() ? json.Null() : json.String(c.before);
    json.Key("after");
    c.after.empty() ? json.Null() : json.String(c.after);
    json.Key("inferred").Bool(c.inferred).EndObject();
  }
  json.EndArray();
}

void WriteReal(JsonWriter& json, std::string_view key, double value) {
  json.Key(key);
  std::isnan(value) ? json.Null() : json.Double(value);
}

void PrintJson(Output& out, const Model& a, const Model& b, const FileDiff& diff, bool same) {
  JsonWriter json(&out.buffer());
  json.BeginObject().Key("schema").String("pthview.diff/1").Key("same").Bool(same);
  json.Key("files").BeginArray();
  for (const Model* model : {&a, &b}) {
    json.BeginObject().Key("file").String(model->file).Key("format").String(model->format).EndObject();
  }
  json.EndArray().Key("notes").BeginArray();
  for (const std::string& note : diff.matching.notes) json.String(note);
  json.EndArray().Key("tensors").BeginArray();
  for (size_t i = 0; i < diff.matching.matches.size(); ++i) {
    const Match& match = diff.matching.matches[i];
    json.BeginObject().Key("a").String(a.tensors[match.a].path).Key("b").String(b.tensors[match.b].path);
    json.Key("matched_by").String(MatchName(match.by));
    if (i < diff.differences.size()) {
      const Difference& d = diff.differences[i];
      json.Key("verdict").String(VerdictName(d.verdict));
      if (!d.reason.empty()) json.Key("reason").String(d.reason);
      json.Key("count").Int(d.count).Key("different").Int(d.different).Key("beyond_tolerance").Int(d.beyond);
      json.Key("not_finite").Int(d.not_finite);
      WriteReal(json, "max", d.max);
      WriteReal(json, "mean", d.mean);
      WriteReal(json, "relative", d.relative);
      WriteReal(json, "cosine", d.cosine);
    }
    json.EndObject();
    out.MaybeFlush();
  }
  json.EndArray();
  for (auto [key, model, tensors] :
       {std::tuple("only_a", &a, &diff.matching.only_a), std::tuple("only_b", &b, &diff.matching.only_b)}) {
    json.Key(key).BeginArray();
    for (Index t : *tensors) json.String(model->tensors[t].path);
    json.EndArray();
  }
  WriteChanges(json, "architecture", diff.architecture);
  WriteChanges(json, "metadata", diff.metadata);
  json.EndObject();
  out << "\n";
}

// One fact a line, in the file's order, without the file's name and without columns whose width depends on other lines:
// what `git diff` compares.
int PrintTextconv(const Arguments& arguments) {
  auto model = OpenModel(arguments.files[0]);
  if (!model) {
    PrintError(model.error());
    return kExitError;
  }
  Output out;
  out << fmt::format("format {}\n", EscapeForTerminal(model->format));
  for (const Part& part : model->parts) {
    out << fmt::format("part {} {}\n", part.path.empty() ? "." : EscapeForTerminal(part.path), PartKindName(part.kind));
  }
  for (const PlainValue& plain : model->plain) {
    out << fmt::format("value {} = {}\n", EscapeForTerminal(plain.path), EscapeForTerminal(plain.text));
  }
  for (const Tensor& tensor : model->tensors) {
    std::string hash;
    if (arguments.Flag("hash") && tensor.layout == Layout::kDense && tensor.data == DataState::kPresent) {
      auto digest = HashTensor(*model, tensor);
      if (!digest) {
        PrintError(std::move(digest).error().In(model->file));
        return kExitError;
      }
      hash = " " + *digest;
    }
    out << fmt::format("tensor {} {} {}{}{}\n", EscapeForTerminal(tensor.path), DTypeName(tensor.dtype),
                       ShapeText(tensor.shape), tensor.data == DataState::kPresent ? "" : " without data", hash);
  }
  Leave(out, kExitOk);
}

}  // namespace

int RunDiff(const Arguments& arguments) {
  if (arguments.Flag("textconv")) {
    if (arguments.files.size() == 1) return PrintTextconv(arguments);
    PrintError({.code = ErrorCode::kUsage, .message = "--textconv takes one file"});
    return kExitError;
  }
  if (arguments.files.size() != 2) {
    PrintError({.code = ErrorCode::kUsage, .message = "diff takes two files", .hint = "`pthview diff --help`"});
    return kExitError;
  }
  auto options = OptionsOf(arguments);
  if (!options) {
    PrintError(options.error());
    return kExitError;
  }
  std::vector<Model> models;
  std::vector<Selection> selections;
  for (const std::string& file : arguments.files) {
    auto model = OpenModel(file);
    if (!model) {
      PrintError(model.error());
      return kExitError;
    }
    InferModules(*model);
    auto selection = SelectTensors(*model, arguments, Scope::kEverything);
    if (!selection) {
      PrintError(std::move(selection).error().In(file));
      return kExitError;
    }
    models.push_back(std::move(*model));
    selections.push_back(std::move(*selection));
  }
  uint64_t bytes = 0;
  for (size_t i = 0; i < 2; ++i) {
    for (Index t : selections[i].tensors) bytes += models[i].tensors[t].nbytes();
  }
  Result<FileDiff> diff = FileDiff();
  {
    Progress progress("comparing", options->values ? bytes : 0);
    options->advance = [&](uint64_t more) { progress.Advance(more); };
    diff = CompareFiles(models[0], selections[0].tensors, models[1], selections[1].tensors, *options);
  }
  if (!diff) {
    PrintError(diff.error());
    return kExitError;
  }
  if (arguments.Flag("architecture")) diff->metadata.clear();
  // Values within a tolerance that was asked for are no difference; else only equal ones are none.
  FileDiff judged = *diff;
  if (options->difference.tolerance) {
    for (Difference& d : judged.differences) {
      if (d.verdict == Verdict::kClose) d.verdict = Verdict::kEqual;
    }
  }
  const bool same = judged.Same();
  Output out;
  if (arguments.Flag("json")) {
    PrintJson(out, models[0], models[1], *diff, same);
  } else {
    PrintText(out, Style(UseColor(arguments)), models[0], models[1], *diff,
              arguments.Flag("full") ? SIZE_MAX : kRowsShown, ReadableWidth(arguments));
  }
  Leave(out, same ? kExitOk : kExitNo);
}

}  // namespace pthview
