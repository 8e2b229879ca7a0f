// pthview lineage: which checkpoint most likely came from which.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/analysis/compare/lineage.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"
#include "lib/base/progress.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

double WrittenAt(const std::string& file) {
  std::error_code error;
  auto time = std::filesystem::last_write_time(file, error);
  return error ? 0 : std::chrono::duration<double>(time.time_since_epoch()).count();
}

std::string MixText(const LineageNode& node, const std::vector<Model>& models) {
  std::string text;
  for (const auto& [file, weight] : node.mixed) {
    text += fmt::format("{}{:.3f} {}", text.empty() ? "" : " + ", weight, models[file].file);
  }
  return text;
}

std::string EvidenceText(const LineageNode& node, const std::vector<Model>& models) {
  std::string text = fmt::format("{}", fmt::join(node.evidence, "; "));
  if (!node.mixed.empty()) text += ": " + MixText(node, models);
  return text;
}

void PrintTree(Output& out, const Style& style, const std::vector<Model>& models,
               const std::vector<LineageNode>& nodes) {
  std::vector<std::vector<size_t>> children(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].parent) children[*nodes[i].parent].push_back(i);
  }
  std::function<void(size_t, const std::string&, bool, bool)> print = [&](size_t i, const std::string& indent,
                                                                          bool root, bool last) {
    const LineageNode& node = nodes[i];
    std::string branch = root ? "" : last ? "└─ " : "├─ ";
    out << indent << branch << style.Bold(EscapeForTerminal(models[i].file));
    if (!root) {
      out << fmt::format("  {}{}", DescentName(node.descent), node.direction_assumed ? " (direction assumed)" : "");
    }
    out << "\n";
    std::string below = root ? "" : indent + (last ? "   " : "│  ");
    if (!node.evidence.empty()) {
      out << below << (children[i].empty() ? "     " : "│    ")
          << style.Dim(EscapeForTerminal(EvidenceText(node, models))) << "\n";
    }
    for (size_t c = 0; c < children[i].size(); ++c) print(children[i][c], below, false, c + 1 == children[i].size());
  };
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].parent) print(i, "", true, true);
  }
}

std::string DotText(std::string_view text) {
  std::string escaped;
  for (char c : EscapeForTerminal(text)) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return "\"" + escaped + "\"";
}

void PrintDot(Output& out, const std::vector<Model>& models, const std::vector<LineageNode>& nodes) {
  out << "digraph lineage {\n  node [shape=box];\n";
  for (size_t i = 0; i < nodes.size(); ++i) out << fmt::format("  n{} [label={}];\n", i, DotText(models[i].file));
  for (size_t i = 0; i < nodes.size(); ++i) {
    const LineageNode& node = nodes[i];
    if (!node.mixed.empty()) {
      for (const auto& [file, weight] : node.mixed) {
        out << fmt::format("  n{} -> n{} [label={}];\n", file, i, DotText(fmt::format("average, {:.3f}", weight)));
      }
    } else if (node.parent) {
      out << fmt::format("  n{} -> n{} [label={}, tooltip={}{}];\n", *node.parent, i,
                         DotText(DescentName(node.descent)), DotText(EvidenceText(node, models)),
                         node.direction_assumed ? ", style=dashed" : "");
    }
  }
  out << "}\n";
}

void PrintJson(Output& out, const std::vector<Model>& models, const std::vector<LineageNode>& nodes) {
  JsonWriter json(&out.buffer());
  json.BeginObject().Key("schema").String("pthview.lineage/1").Key("files").BeginArray();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const LineageNode& node = nodes[i];
    json.BeginObject().Key("file").String(models[i].file).Key("format").String(models[i].format).Key("parent");
    node.parent ? json.String(models[*node.parent].file) : json.Null();
    json.Key("descent").String(DescentName(node.descent)).Key("direction_assumed").Bool(node.direction_assumed);
    json.Key("distance").Double(node.distance).Key("evidence").BeginArray();
    for (const std::string& line : node.evidence) json.String(line);
    json.EndArray().Key("mixed_from").BeginArray();
    for (const auto& [file, weight] : node.mixed) {
      json.BeginObject().Key("file").String(models[file].file).Key("weight").Double(weight).EndObject();
    }
    json.EndArray().EndObject();
  }
  json.EndArray().EndObject();
  out << "\n";
}

}  // namespace

int RunLineage(const Arguments& arguments) {
  std::vector<Model> models;
  bool failed = false;
  uint64_t bytes = 0;
  for (const std::string& file : arguments.files) {
    auto model = OpenModel(file);
    if (!model) {
      PrintError(model.error());
      failed = true;
      continue;
    }
    InferModules(*model);
    for (const Tensor& tensor : model->tensors) bytes += tensor.nbytes();
    models.push_back(std::move(*model));
  }
  std::vector<LineageFile> files;
  for (const Model& model : models) files.push_back({&model, WrittenAt(model.file)});
  Result<std::vector<LineageNode>> nodes = std::vector<LineageNode>();
  {
    Progress progress("reading", bytes);
    nodes = FindLineage(files, [&](uint64_t more) { progress.Advance(more); });
  }
  if (!nodes) {
    PrintError(nodes.error());
    return kExitError;
  }
  Output out;
  if (arguments.Flag("json")) {
    PrintJson(out, models, *nodes);
  } else if (arguments.Flag("dot")) {
    PrintDot(out, models, *nodes);
  } else {
    PrintTree(out, Style(UseColor(arguments)), models, *nodes);
  }
  Leave(out, failed ? kExitError : kExitOk);
}

}  // namespace pthview
