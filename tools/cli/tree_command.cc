// pthview tree: the modules as print(model) shows them.
#include <fmt/format.h>

#include "lib/analysis/names/suggest.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/terminal.h"
#include "tools/cli/tree_text.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

void WriteTreeJson(JsonWriter& json, Output& out, const Model& model, const std::vector<uint64_t>& counts,
                   const std::vector<uint64_t>& operators, Index root, size_t depth) {
  json.BeginArray();
  std::vector<std::pair<Index, size_t>> pending{{root, 0}};
  while (!pending.empty()) {
    auto [index, level] = pending.back();
    pending.pop_back();
    const Module& module = model.modules[index];
    json.BeginObject();
    json.Key("path").String(module.path).Key("name").String(module.name).Key("depth").Uint(level);
    json.Key("class").String(module.class_name);
    json.Key("origin").String(OriginName(module.origin));
    json.Key("parameters").Uint(counts[index]);
    if (!operators.empty()) json.Key("operators").Uint(operators[index]);
    json.Key("training");
    if (module.training) {
      json.Bool(*module.training);
    } else {
      json.Null();
    }
    json.Key("attributes").BeginObject();
    for (const Attribute& attribute : module.attributes) json.Key(attribute.name).String(attribute.text);
    json.EndObject();
    json.Key("tensors").BeginArray();
    for (Index t : module.tensors) json.String(model.tensors[t].name);
    json.EndArray();
    json.EndObject();
    out.MaybeFlush();
    if (level >= depth) continue;
    for (size_t i = module.children.size(); i-- > 0;) pending.emplace_back(module.children[i], level + 1);
  }
  json.EndArray();
}

// The roots to print: those of the chosen parts, or the one module that was asked for.
Result<std::vector<Index>> Roots(const Model& model, const Arguments& arguments) {
  PTHVIEW_ASSIGN(Narrowing narrowing, Narrowing::Of(model, arguments));
  const bool any_kind = arguments.Flag("all") || narrowing.by_part();
  std::vector<Index> roots;
  for (const Part& part : model.parts) {
    bool chosen = any_kind || part.kind == PartKind::kModel || part.kind == PartKind::kEma;
    if (part.root != kNone && chosen && narrowing.Has(part)) roots.push_back(part.root);
  }
  if (arguments.files.size() < 2) {
    if (roots.empty()) {
      return Error{.code = ErrorCode::kNotFound,
                   .message = "no part of it has modules",
                   .file = model.file,
                   .hint = fmt::format("`pthview list --all {}`", ShellWord(model.file))};
    }
    return roots;
  }
  const std::string& wanted = arguments.files[1];
  std::vector<std::string_view> paths;
  for (size_t m = 0; m < model.modules.size(); ++m) {
    if (model.modules[m].path == wanted) return std::vector<Index>{static_cast<Index>(m)};
    paths.push_back(model.modules[m].path);
  }
  for (size_t m = 0; m < paths.size(); ++m) {  // under a wrapper's prefix
    if (paths[m].ends_with("." + wanted)) return std::vector<Index>{static_cast<Index>(m)};
  }
  auto near = Suggest(wanted, paths, 1);
  return Error{.code = ErrorCode::kNotFound,
               .message = fmt::format("no module '{}'", wanted),
               .file = model.file,
               .hint = near.empty() ? fmt::format("`pthview tree {}`", ShellWord(model.file))
                                    : fmt::format("did you mean '{}'?", near[0])};
}

}  // namespace

int RunTree(const Arguments& arguments) {
  auto depth = arguments.Number("depth", INT64_MAX);
  if (!depth) {
    PrintError(depth.error());
    return kExitError;
  }
  auto model = OpenModel(arguments.files[0]);
  if (!model) {
    PrintError(model.error());
    return kExitError;
  }
  InferModules(*model);
  auto roots = Roots(*model, arguments);
  if (!roots) {
    PrintError(roots.error());
    return kExitError;
  }
  Output out;
  if (arguments.Flag("json")) {
    const std::vector<uint64_t> counts = ParametersBelow(*model);
    const std::vector<uint64_t> operators = OperatorsBelow(*model);
    JsonWriter json(&out.buffer());
    json.BeginObject().Key("schema").String("pthview.tree/1").Key("file").String(model->file);
    json.Key("format").String(model->format).Key("roots").BeginArray();
    for (Index root : *roots) WriteTreeJson(json, out, *model, counts, operators, root, static_cast<size_t>(*depth));
    json.EndArray().Key("findings");
    WriteFindings(json, model->findings);
    json.EndObject();
    out << "\n";
    return kExitOk;
  }
  const std::string counts = arguments.Value("counts", "auto");
  // $COLUMNS alone breaks no line: a pipe is to get what torch prints.
  const bool fitted = OnTerminal() || arguments.Flag("width");
  TreePrinter printer(*model, {.depth = static_cast<size_t>(*depth),
                               .counts = counts == "always" || (counts == "auto" && OnTerminal()),
                               .attributes = arguments.Flag("all"),
                               .width = fitted ? ReadableWidth(arguments) : kNoWidthLimit});
  for (Index root : *roots) {
    if (roots->size() > 1) {
      for (const Part& part : model->parts) {
        if (part.root == root)
          out << Style(UseColor(arguments))
                     .Bold(fmt::format("# {} ({})", EscapeForTerminal(part.path), PartKindName(part.kind)))
              << "\n";
      }
    }
    printer.Print(out, root);
  }
  return kExitOk;
}

}  // namespace pthview
