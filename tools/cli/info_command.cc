// pthview info: what a file is, and what can be done with it.
#include <filesystem>
#include <map>
#include <ranges>

#include <fmt/format.h>

#include "lib/analysis/structure/structure.h"
#include "lib/analysis/summary/what_it_is.h"
#include "lib/base/named_source.h"
#include "lib/formats/format.h"
#include "plugins/host/graph_plugins.h"
#include "tools/cli/console.h"
#include "tools/cli/info_facts.h"
#include "tools/cli/info_graphs.h"
#include "tools/cli/info_text.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

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
  json.Key("what").String(WhatItIs(model));
  json.Key("bytes").Uint(facts.file_bytes);
  json.Key("parts").BeginArray();
  for (size_t p = 0; p < model.parts.size(); ++p) {
    const Part& part = model.parts[p];
    if (!narrowing.Has(part) && facts.parts[p].tensors == 0) continue;
    json.BeginObject();
    json.Key("path").String(part.path);
    json.Key("kind").String(PartKindName(part.kind));
    json.Key("prefix").String(part.prefix);
    json.Key("class").String(part.root == kNone ? std::string_view() : model.modules[part.root].class_name);
    json.Key("tensors").Uint(facts.parts[p].tensors);
    const ParameterCounts& counts = facts.parts[p].parameters;
    json.Key("parameters").Uint(counts.all);
    for (auto [key, count] : {std::pair{"trainable", counts.trainable}, {"frozen", counts.frozen}}) {
      json.Key(key);
      if (counts.says_trainable) {
        json.Uint(count);
      } else {
        json.Null();
      }
    }
    json.Key("tied").Uint(counts.tied);
    json.Key("nbytes").Uint(facts.parts[p].bytes);
    json.EndObject();
  }
  json.EndArray();
  WriteCounts(json, "dtypes", facts.dtypes);
  WriteCounts(json, "devices", facts.devices);
  json.Key("tied").Uint(facts.again);  // further names of tensors that have another
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
  json.Key("graphs");
  WriteGraphFacts(json, model);
  json.Key("findings");
  WriteFindings(json, model.findings);
  json.EndObject();
}

}  // namespace

int RunInfo(const Arguments& arguments) {
  bool as_json = arguments.Flag("json");
  Output out;
  JsonWriter json(&out.buffer());
  if (as_json) json.BeginObject().Key("schema").String("pthview.info/1").Key("files").BeginArray();
  int code = kExitOk;
  bool first = true;
  std::vector<std::string> files = arguments.files;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string file = files[i];
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
    if (!model && std::filesystem::is_directory(file)) {
      const FolderContents contents = LookIntoFolder(file);
      if (contents.checkpoints.empty()) {
        refuse(model.error());
        continue;
      }
      if (as_json) {  // as if its checkpoints had been named
        auto paths = contents.checkpoints | std::views::transform(&FolderContents::Checkpoint::path);
        files.insert(files.begin() + static_cast<ptrdiff_t>(i) + 1, paths.begin(), paths.end());
      } else {
        if (!first) out << "\n";
        PrintFolder(out, file, contents, arguments);
        first = false;
      }
      continue;
    }
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
    // A third of a second for each: where many files are looked at, their operators are not counted.
    if (files.size() == 1 && plugins::NeedsGraphPlugin(*model)) plugins::AddPluginGraphsOrSay(*model);
    if (as_json) {
      WriteJson(json, out, *model, *narrowing);
    } else {
      if (!first) out << "\n";
      PrintInfo(out, *model, *narrowing, arguments);
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
