// pthview info: what a file is, and what can be done with it.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_set>

#include <fmt/format.h>

#include "lib/analysis/names/plain_order.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/base/named_source.h"
#include "lib/base/text_hash.h"
#include "lib/formats/format.h"
#include "lib/model/tied.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

constexpr size_t kMetadataShown = 20;
constexpr size_t kFindingsShown = 10;

struct Facts {
  std::vector<TensorCount> parts;  // each counts what is tied across parts too
  std::map<std::string_view, uint64_t> dtypes;
  std::map<std::string_view, uint64_t> devices;
  uint64_t tied = 0;
  uint64_t file_bytes = 0;
};

// Of all the files that the model lies in (packed ones as they lie there), with the one that was named; of the source
// itself where there is no file behind it.
uint64_t BytesOfFiles(const Model& model) {
  std::map<std::string, uint64_t> files;
  std::error_code none;
  if (std::filesystem::is_regular_file(model.file, none)) {
    const std::string path = std::filesystem::canonical(model.file, none).string();
    files[path] = std::filesystem::file_size(path, none);
  }
  for (const auto& source : model.sources) {
    if (std::string path = source->real_path(); !path.empty() && !std::filesystem::is_directory(path)) {
      files[std::move(path)] = source->size();
    }
  }
  uint64_t bytes = 0;
  for (const auto& [path, size] : files) bytes += size;
  return files.empty() && !model.sources.empty() ? model.sources[0]->size() : bytes;
}

Facts FactsOf(const Model& model, const Narrowing& narrowing) {
  Facts facts;
  facts.parts.resize(model.parts.size());
  TensorCount all;
  for (const Tensor& tensor : model.tensors) {
    if (!narrowing.Has(tensor)) continue;
    if (tensor.part != kNone) facts.parts[tensor.part].Add(model, tensor);
    if (!all.Add(model, tensor)) continue;
    if (tensor.layout == Layout::kDense || tensor.component_count == 0) {
      ++facts.dtypes[DTypeName(tensor.dtype)];
    } else {  // what is stored, not what it looks like from outside
      ForEachStored(model, tensor, [&](const Tensor& stored) { ++facts.dtypes[DTypeName(stored.dtype)]; });
    }
    if (!tensor.device.empty()) ++facts.devices[tensor.device];
  }
  facts.tied = all.tied();
  facts.file_bytes = BytesOfFiles(model);
  return facts;
}

// Plain values worth showing first: short ones, near the top of the file.
bool IsShown(const PlainValue& plain) {
  return std::count(plain.path.begin(), plain.path.end(), '[') <= 1 && plain.path.size() < 100;
}

std::string Counts(const std::map<std::string_view, uint64_t>& counts) {
  std::vector<std::pair<uint64_t, std::string_view>> order;
  order.reserve(counts.size());
  for (const auto& [name, count] : counts) order.emplace_back(count, name);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [count, name] : order) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", EscapeForTerminal(name), WithCommas(count));
  }
  return text.empty() ? "-" : text;
}

void PrintParts(Output& out, const Model& model, const Narrowing& narrowing, Facts& facts) {
  size_t width = 4;
  auto name = [](const Part& part) {
    return part.path.empty() ? std::string("(whole file)") : EscapeForTerminal(part.path);
  };
  for (const Part& part : model.parts) width = std::max(width, DisplayWidth(name(part)));
  std::string_view label = "parts";
  for (size_t p = 0; p < model.parts.size(); ++p) {
    const Part& part = model.parts[p];
    TensorCount& f = facts.parts[p];
    if (!narrowing.Has(part) && f.tensors() == 0) continue;
    if (part.path.empty() && f.tensors() == 0 && model.parts.size() > 1) continue;  // only plain values, shown below
    std::string text = name(part);
    text.append(width - DisplayWidth(text), ' ');
    out << fmt::format(
        "  {:<10}{}  {:<9}  {} tensor{}, {} parameters, {}{}\n", label, text, PartKindName(part.kind),
        WithCommas(f.tensors()), f.tensors() == 1 ? "" : "s", WithCommas(f.parameters()),
        HumanBytes(f.StorageBytes(model)),
        part.prefix.empty() ? "" : fmt::format("; all names begin with '{}'", EscapeForTerminal(part.prefix)));
    label = "";
  }
}

// The attributes of tensors stand below their paths: there may be many of each, so they come with the tensor only.
class TensorAttributes {
 public:
  explicit TensorAttributes(const Model& model) {
    for (const Tensor& tensor : model.tensors) {
      if (!tensor.class_name.empty() || tensor.component_count > 0) paths_.insert(tensor.path);
    }
  }
  bool Has(const PlainValue& plain) const {
    for (size_t dot = plain.path.find('.'); dot != std::string_view::npos && !paths_.empty();
         dot = plain.path.find('.', dot + 1)) {
      if (paths_.contains(plain.path.substr(0, dot))) return true;
    }
    return false;
  }

 private:
  std::unordered_set<std::string_view, TextHash> paths_;
};

void PrintMetadata(Output& out, const Model& model, const Narrowing& narrowing) {
  const TensorAttributes of_tensors(model);
  std::string_view label = "metadata";
  size_t shown = 0;
  size_t hidden = 0;
  std::vector<Index> order = PlainOrder(model);
  hidden += std::count_if(model.plain.begin(), model.plain.end(), [&](const auto& row) { return narrowing.Has(row); });
  for (Index i : order) {
    const PlainValue& plain = model.plain[i];
    if (!narrowing.Has(plain)) continue;
    if (!IsShown(plain) || shown == kMetadataShown || of_tensors.Has(plain)) continue;
    --hidden;
    std::string text = EscapeForTerminal(plain.text.substr(0, 200));
    if (text.size() > 70) text = text.substr(0, 67) + "...";
    out << fmt::format("  {:<10}{} = {}\n", label,
                       plain.path.empty() ? "(the file's root)" : EscapeForTerminal(plain.path), text);
    label = "";
    ++shown;
  }
  if (hidden > 0) {
    out << fmt::format("  {:<10}{} more plain value{}; `pthview show FILE PATH` shows one\n", label, WithCommas(hidden),
                       hidden == 1 ? "" : "s");
  }
}

void PrintFindings(Output& out, const Style& style, const Model& model) {
  std::string_view label = "findings";
  std::vector<const Finding*> order;
  order.reserve(model.findings.size());
  for (const Finding& finding : model.findings) order.push_back(&finding);
  std::stable_sort(order.begin(), order.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  for (size_t i = 0; i < order.size() && i < kFindingsShown; ++i) {
    const Finding& finding = *order[i];
    std::string severity(SeverityName(finding.severity));
    std::string shown = finding.severity >= Severity::kError     ? style.Red(severity)
                        : finding.severity == Severity::kWarning ? style.Yellow(severity)
                                                                 : severity;
    out << fmt::format("  {:<10}{}: {}{}\n", label, shown,
                       finding.where.empty() ? "" : EscapeForTerminal(finding.where) + ": ",
                       EscapeForTerminal(finding.text));
    label = "";
  }
  if (order.size() > kFindingsShown) {
    out << fmt::format("  {:<10}{} more; --json has them all\n", "", WithCommas(order.size() - kFindingsShown));
  }
}

void PrintNext(Output& out, const Model& model) {
  std::string file = ShellWord(model.file);
  out << fmt::format("  {:<10}pthview list {}\n", "next", file);
  out << fmt::format("  {:<10}pthview serve {}\n", "", file);
}

void PrintText(Output& out, const Style& style, const Model& model, const Narrowing& narrowing) {
  Facts facts = FactsOf(model, narrowing);
  out << style.Bold(EscapeForTerminal(model.file)) << "\n";
  out << fmt::format("  {:<10}{}{}\n", "format", EscapeForTerminal(model.format_text),
                     model.producer.empty() ? "" : " (" + EscapeForTerminal(model.producer) + ")");
  out << fmt::format("  {:<10}{}\n", "size", BytesText(facts.file_bytes));
  PrintParts(out, model, narrowing, facts);
  out << fmt::format("  {:<10}{}\n", "dtypes", Counts(facts.dtypes));
  out << fmt::format("  {:<10}{}\n", "devices", Counts(facts.devices));
  if (facts.tied > 0) {
    out << fmt::format("  {:<10}{} more name{} for tensors listed before\n", "shared", WithCommas(facts.tied),
                       facts.tied == 1 ? "" : "s");
  }
  PrintMetadata(out, model, narrowing);
  PrintFindings(out, style, model);
  PrintNext(out, model);
}

void WriteCounts(JsonWriter& json, std::string_view key, const std::map<std::string_view, uint64_t>& counts) {
  json.Key(key).BeginObject();
  for (const auto& [name, count] : counts) json.Key(name).Uint(count);
  json.EndObject();
}

void WriteJson(JsonWriter& json, Output& out, const Model& model, const Narrowing& narrowing) {
  Facts facts = FactsOf(model, narrowing);
  json.BeginObject();
  json.Key("file").String(model.file);
  json.Key("format").String(model.format);
  json.Key("format_text").String(model.format_text);
  json.Key("producer").String(model.producer);
  json.Key("bytes").Uint(facts.file_bytes);
  json.Key("parts").BeginArray();
  for (size_t p = 0; p < model.parts.size(); ++p) {
    const Part& part = model.parts[p];
    if (!narrowing.Has(part) && facts.parts[p].tensors() == 0) continue;
    json.BeginObject();
    json.Key("path").String(part.path);
    json.Key("kind").String(PartKindName(part.kind));
    json.Key("prefix").String(part.prefix);
    json.Key("class").String(part.root == kNone ? std::string_view() : model.modules[part.root].class_name);
    json.Key("tensors").Uint(facts.parts[p].tensors());
    json.Key("parameters").Uint(facts.parts[p].parameters());
    json.Key("nbytes").Uint(facts.parts[p].StorageBytes(model));
    json.EndObject();
  }
  json.EndArray();
  WriteCounts(json, "dtypes", facts.dtypes);
  WriteCounts(json, "devices", facts.devices);
  json.Key("tied").Uint(facts.tied);  // further names of tensors that have another
  json.Key("metadata").BeginArray();
  for (const PlainValue& plain : model.plain) {
    if (!narrowing.Has(plain)) continue;
    json.BeginObject();
    json.Key("path").String(plain.path);
    json.Key("kind").String(PlainKindName(plain.kind));
    json.Key("text").String(plain.text);
    if (!plain.class_name.empty()) json.Key("class").String(plain.class_name);
    json.EndObject();
    out.MaybeFlush();
  }
  json.EndArray();
  json.Key("findings");
  WriteFindings(json, model.findings);
  json.EndObject();
}

}  // namespace

int RunInfo(const Arguments& arguments) {
  bool as_json = arguments.Flag("json");
  Output out;
  Style style(UseColor(arguments));
  JsonWriter json(&out.buffer());
  if (as_json) json.BeginObject().Key("schema").String("pthview.info/1").Key("files").BeginArray();
  int code = kExitOk;
  bool first = true;
  for (const std::string& file : arguments.files) {
    auto refuse = [&](const Error& error) {
      code = kExitError;
      out.Flush();
      PrintError(error);
      if (as_json) {
        json.BeginObject().Key("file").String(DisplayName(file)).Key("error");
        WriteError(json, error);
        json.EndObject();
      }
    };
    auto model = OpenModel(file);
    if (!model) {
      refuse(model.error());
      continue;
    }
    auto narrowing = Narrowing::Of(*model, arguments);
    if (!narrowing) {
      refuse(narrowing.error());
      continue;
    }
    InferModules(*model);
    if (as_json) {
      WriteJson(json, out, *model, *narrowing);
    } else {
      if (!first) out << "\n";
      PrintText(out, style, *model, *narrowing);
    }
    first = false;
  }
  if (as_json) {
    json.EndArray().EndObject();
    out << "\n";
  }
  return code;
}

}  // namespace pthview
