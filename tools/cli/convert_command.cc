// pthview convert: the model in another format.
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "converters/common/loss_notes.h"
#include "converters/converter.h"
#include "lib/analysis/names/suggest.h"
#include "lib/base/named_source.h"
#include "lib/formats/annotations.h"
#include "lib/formats/format.h"
#include "plugins/host/graph_plugins.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

Error UnknownTarget(const std::string& name) {
  std::vector<std::string_view> names;
  std::string all;
  for (const Converter& converter : Converters()) {
    names.push_back(converter.name);
    all += fmt::format("{}{}", all.empty() ? "" : ", ", converter.name);
  }
  auto near = Suggest(name, names, 1);
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("--to: '{}' cannot be written", name),
               .hint = near.empty() ? "one of: " + all : "--to " + near[0]};
}

Result<const Converter*> Target(const Arguments& arguments, const std::string& output) {
  std::string name = arguments.Value("to");
  if (!name.empty()) {
    const Converter* converter = FindConverter(name);
    if (converter == nullptr) return UnknownTarget(name);
    return converter;
  }
  const Converter* converter = ConverterForPath(output);
  if (converter == nullptr) {
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("what to write cannot be told from '{}'", output),
                 .hint = "--to onnx, json, safetensors or pth"};
  }
  return converter;
}

// An option that only other converters know would do nothing.
Status CheckOptions(const Arguments& arguments, const Converter& chosen) {
  for (const Converter& converter : Converters()) {
    for (std::string_view option : converter.options) {
      if (!arguments.Flag(option) || std::ranges::find(chosen.options, option) != chosen.options.end()) continue;
      return Error{
          .code = ErrorCode::kUsage,
          .message = fmt::format("--{} is for {}, and {} is to be written", option, converter.name, chosen.name),
          .hint = fmt::format("--to {}, or leave --{} out", converter.name, option)};
    }
  }
  if (arguments.Flag("json") && arguments.Value("output") == "-") {
    return Error{.code = ErrorCode::kUsage,
                 .message = "--json reports on standard output, where the converted file goes already",
                 .hint = "give -o a name, or leave --json out"};
  }
  return Ok();
}

// What the output cannot hold, as JSON beside it.
Status WriteAnnotations(Model& model, std::span<const Index> tensors, const ConvertOptions& options,
                        ConvertReport& report) {
  ConvertOptions beside = options;
  beside.output = AnnotationsOf(options.output);
  beside.placed = &*report.placed;
  PTHVIEW_ASSIGN(ConvertReport more, FindConverter("json")->write(model, tensors, beside));
  report.outputs.insert(report.outputs.end(), more.outputs.begin(), more.outputs.end());
  report.bytes += more.bytes;
  std::ranges::move(NotesOf(more.losses), std::back_inserter(report.notes));
  return Ok();
}

// The graph of a TorchScript archive, for converters that write graphs: only a plug-in can tell it.
Status AddRecordedGraphs(const Arguments& arguments, const Converter& converter, const ConvertOptions& options,
                         Model& model) {
  const bool wanted =
      converter.name == "json" || std::ranges::find(converter.options, "graph") != converter.options.end();
  if (!wanted || options.graph == "inferred" || !plugins::NeedsGraphPlugin(model)) return Ok();
  Status added = plugins::AddPluginGraphs(model);
  if (added || options.graph == "recorded") return added;
  PrintError(added.error());
  PrintNote(arguments, "so the graph is inferred");
  return Ok();
}

Status Run(const Arguments& arguments) {
  ConvertOptions options;
  options.output = arguments.Value("output");
  if (options.output.empty()) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "convert: where to write is missing",
                 .hint = fmt::format("`pthview convert {} -o OUT.onnx`", ShellWord(DisplayName(arguments.files[0])))};
  }
  options.weights = arguments.Value("weights", options.weights);
  options.data = arguments.Value("data", options.data);
  options.graph = arguments.Value("graph", options.graph);
  options.force = arguments.Flag("force");
  PTHVIEW_ASSIGN(const Converter* converter, Target(arguments, options.output));
  PTHVIEW_TRY(CheckOptions(arguments, *converter));
  if (options.weights == "in-place" && (IsUrl(arguments.files[0]) || arguments.files[0] == kStandardInput)) {
    return Error{.code = ErrorCode::kUsage,
                 .message = "weights in place can point into a file on this machine only",
                 .file = DisplayName(arguments.files[0]),
                 .hint = "--weights external, or download the file"};
  }
  PTHVIEW_ASSIGN(Model model, OpenWithAnnotations(arguments.files[0], {.content = true}));
  PTHVIEW_ASSIGN(Selection selection,
                 SelectTensors(model, arguments, converter->takes_all ? Scope::kEverything : Scope::kModels));
  PTHVIEW_TRY(AddRecordedGraphs(arguments, *converter, options, model));
  uint64_t total = 0;
  for (Index i : selection.tensors) total += model.tensors[i].nbytes();
  Progress progress("writing", total);
  options.progress = &progress;
  auto report = converter->write(model, selection.tensors, options);
  if (!report) return std::move(report).error();
  if (report->more_to_say && report->placed && options.output != "-") {
    PTHVIEW_TRY(WriteAnnotations(model, selection.tensors, options, *report));
  }
  for (const std::string& note : selection.notes) PrintNote(arguments, note);
  for (const std::string& note : report->notes) PrintNote(arguments, note);
  if (arguments.Flag("json") && options.output != "-") {
    Output out;
    JsonWriter json(&out.buffer());
    json.BeginObject()
        .Key("schema")
        .String("pthview.convert/1")
        .Key("file")
        .String(model.file)
        .Key("format")
        .String(model.format);
    json.Key("to").String(converter->name).Key("outputs").BeginArray();
    for (const std::string& output : report->outputs) json.String(output);
    json.EndArray().Key("bytes").Uint(report->bytes).Key("notes").BeginArray();
    for (const std::string& note : report->notes) json.String(note);
    json.EndArray().Key("findings");
    WriteFindings(json, model.findings);
    json.EndObject();
    out << "\n";
  } else if (options.output != "-") {
    std::string written;
    for (const std::string& output : report->outputs)
      written += fmt::format("{}{}", written.empty() ? "" : " and ", output);
    PrintNote(arguments, fmt::format("wrote {} ({})", written, HumanBytes(report->bytes)));
  }
  return Ok();
}

}  // namespace

int RunConvert(const Arguments& arguments) {
  Status status = Run(arguments);
  // Nobody reads standard output any more: no reason to complain (as Output).
  if (status || status.error().code == ErrorCode::kReaderGone) return kExitOk;
  PrintError(status.error());
  return kExitError;
}

}  // namespace pthview
