// pthview graph: the graph that the file records, or the inferred one, as text, JSON or a picture.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "converters/picture/graph_dot.h"
#include "lib/analysis/graphs/graph_text.h"
#include "lib/analysis/graphs/simplify.h"
#include "lib/analysis/graphs/summary.h"
#include "lib/analysis/names/suggest.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/base/output_file.h"
#include "lib/formats/format.h"
#include "plugins/host/graph_plugins.h"
#include "tools/cli/console.h"
#include "tools/cli/graph_json.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/verbs.h"
#include "tools/dot/draw.h"

namespace pthview {
namespace {

constexpr std::string_view kPictures[] = {"svg", "pdf", "png", "dot"};

// The recorded graphs of the chosen parts; the inferred ones where the file records none.
Result<std::vector<Index>> Roots(const Model& model, const Arguments& arguments) {
  PTHVIEW_ASSIGN(const Narrowing narrowing, Narrowing::Of(model, arguments));
  std::vector<Index> roots;
  for (Index root : model.graph_roots) {
    const Graph& graph = model.graphs[root];
    if (graph.part == kNone || narrowing.Has(model.parts[graph.part])) roots.push_back(root);
  }
  bool recorded = std::any_of(roots.begin(), roots.end(),
                              [&](Index root) { return model.graphs[root].origin == Origin::kRecorded; });
  std::erase_if(roots, [&](Index root) { return recorded != (model.graphs[root].origin == Origin::kRecorded); });
  if (roots.empty()) {
    const bool compiled = std::any_of(model.findings.begin(), model.findings.end(),
                                      [](const Finding& finding) { return finding.code == "compiled-code"; });
    return Error{.code = ErrorCode::kNotFound,
                 .message = compiled ? "it holds compiled code, and not the graph that it was made of"
                                     : "it holds no graph, and no model that one could be inferred for",
                 .file = model.file,
                 .hint = fmt::format("`pthview info {}`", ShellWord(model.file))};
  }
  const std::string method = arguments.Value("method");
  if (method.empty()) return roots;
  std::vector<std::string_view> names;
  names.reserve(roots.size());
  for (Index root : roots) names.push_back(model.graphs[root].name);
  std::erase_if(roots, [&](Index root) { return model.graphs[root].name != method; });
  if (!roots.empty()) return roots;
  auto near = Suggest(method, names, 1);
  std::string hint = "there is";
  for (size_t i = 0; i < std::min<size_t>(names.size(), 10); ++i) {
    hint += fmt::format("{} '{}'", i > 0 ? "," : "", EscapeForTerminal(names[i]));
  }
  return Error{.code = ErrorCode::kNotFound,
               .message = fmt::format("no graph of a method '{}'", method),
               .file = model.file,
               .hint = near.empty() ? hint : fmt::format("did you mean '{}'?", near[0])};
}

Result<std::string> PictureFormat(const std::string& output, const Arguments& arguments) {
  std::string format = arguments.Value("to");
  if (format.empty()) format = output.substr(std::min(output.rfind('.') + 1, output.size()));
  if (std::find(std::begin(kPictures), std::end(kPictures), format) != std::end(kPictures)) return format;
  return Error{.code = ErrorCode::kUsage,
               .message = "a graph is drawn as svg, pdf, png or dot",
               .file = output,
               .hint = "`-o graph.svg`, or name the format by --to"};
}

Status Draw(const Model& model, Index root, const Arguments& arguments, int64_t depth) {
  const std::string output = arguments.Value("output");
  PTHVIEW_ASSIGN(const std::string format, PictureFormat(output, arguments));
  PTHVIEW_ASSIGN(std::string text, GraphDot(model, model.graphs[root], {.depth = depth}));
  if (format != "dot") {
    PTHVIEW_ASSIGN(text, dot::Draw(text, format));
  }
  PTHVIEW_ASSIGN(OutputFile file, OutputFile::Create(output, arguments.Flag("force")));
  PTHVIEW_TRY(file.Write(text));
  return file.Commit();
}

int Fail(const Error& error) {
  PrintError(error);
  return error.code == ErrorCode::kInterrupted ? kExitInterrupted : kExitError;
}

}  // namespace

int RunGraph(const Arguments& arguments) {
  auto depth = arguments.Number("depth", -1);
  if (!depth) return Fail(depth.error());
  auto model = OpenModel(arguments.files[0]);
  if (!model) return Fail(model.error());
  const bool by_plugin = plugins::NeedsGraphPlugin(*model);
  if (by_plugin) {
    Status added = plugins::AddPluginGraphs(*model);
    if (!added && added.error().code == ErrorCode::kInterrupted) return Fail(added.error());
    if (!added) PrintError(added.error());
  }
  InferGraphs(*model);
  auto roots = Roots(*model, arguments);
  if (!roots) return Fail(roots.error());
  if (arguments.Flag("simplify")) {
    size_t before = 0;
    size_t after = 0;
    for (Index root : *roots) before += SummarizeGraph(*model, model->graphs[root]).nodes;
    SimplifyGraphs(*model);
    for (Index root : *roots) after += SummarizeGraph(*model, model->graphs[root]).nodes;
    if (after < before) PrintNote(arguments, fmt::format("{} of {} operators are hidden", before - after, before));
  }
  if (model->graphs[roots->front()].origin == Origin::kInferred) {
    PrintNote(arguments, by_plugin
                             ? "this graph is inferred from classes, names and shapes, in place of the recorded one"
                             : "the file records no graph: this one is inferred from classes, names and shapes");
  }
  if (!arguments.Value("output").empty()) {
    if (roots->size() > 1) {
      PrintNote(arguments, fmt::format("the first of {} graphs is drawn, '{}'; --method and --part choose others",
                                       roots->size(), EscapeForTerminal(model->graphs[roots->front()].name)));
    }
    auto drawn = Draw(*model, roots->front(), arguments, *depth);
    return drawn ? kExitOk : Fail(drawn.error());
  }
  Output out;
  if (arguments.Flag("json")) {
    JsonWriter json(&out.buffer());
    json.BeginObject().Key("schema").String("pthview.graph/1").Key("file").String(model->file);
    json.Key("format").String(model->format).Key("graphs");
    WriteGraphs(json, *model, *roots);
    json.Key("findings");
    WriteFindings(json, model->findings);
    json.EndObject();
    out << "\n";
    Leave(out, kExitOk);
  }
  for (size_t i = 0; i < roots->size(); ++i) {
    if (i > 0) out << "\n";
    WriteGraphText(*model, model->graphs[(*roots)[i]], [&](std::string_view line) { out << line; });
  }
  Leave(out, kExitOk);
}

}  // namespace pthview
