// pthview tree: the modules as print(model) shows them.
#include <algorithm>

#include <fmt/format.h>

#include "lib/analysis/names/suggest.h"
#include "lib/analysis/structure/module_tree.h"
#include "lib/analysis/structure/structure.h"
#include "lib/base/escape.h"
#include "lib/formats/format.h"
#include "tools/cli/console.h"
#include "tools/cli/json_rows.h"
#include "tools/cli/selection.h"
#include "tools/cli/verbs.h"

namespace pthview {
namespace {

// Parameters in each module and all below it, tied ones at the first of their names. Children come after their parents
// in the table.
std::vector<uint64_t> ParametersBelow(const Model& model) {
  std::vector<uint64_t> counts(model.modules.size(), 0);
  for (size_t i = model.modules.size(); i-- > 0;) {
    const Module& module = model.modules[i];
    for (Index t : module.tensors) {
      const Tensor& tensor = model.tensors[t];
      if (tensor.kind == TensorKind::kParameter && (tensor.tied == kNone || tensor.tied == t))
        counts[i] += static_cast<uint64_t>(tensor.numel);
    }
    if (module.parent != kNone) counts[module.parent] += counts[i];
  }
  return counts;
}

std::string_view ShortClass(std::string_view name) {
  size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::string Heading(const Model& model, const Module& module, uint64_t parameters) {
  std::string text;
  if (!module.name.empty()) text += fmt::format("({}): ", EscapeForTerminal(module.name));
  // What is inferred names the library where it is not torch.nn's: "bitsandbytes.Linear4bit".
  std::string_view type = module.origin == Origin::kInferred ? module.class_name : ShortClass(module.class_name);
  if (type.empty()) {
    text += module.children.empty() ? "?" : "Module";
  } else {
    if (module.origin == Origin::kInferred) text += '~';
    text += EscapeForTerminal(type);
  }
  text += '(';
  bool first = true;
  for (const Attribute& attribute : module.attributes) {
    if (attribute.text.size() > 60) continue;
    text +=
        fmt::format("{}{}={}", first ? "" : ", ", EscapeForTerminal(attribute.name), EscapeForTerminal(attribute.text));
    first = false;
  }
  if (type.empty()) {  // unknown: its tensors say what there is
    for (Index t : module.tensors) {
      const Tensor& tensor = model.tensors[t];
      std::string_view name = NameInPart(model, tensor);
      if (module.parent != kNone && name.starts_with(module.path)) name.remove_prefix(module.path.size());
      if (name.starts_with('.')) name.remove_prefix(1);
      text += fmt::format("{}{}: [{}]", first ? "" : ", ", EscapeForTerminal(name), fmt::join(tensor.shape, ", "));
      first = false;
    }
  }
  text += ')';
  if (parameters > 0) text += fmt::format("  # {}", WithCommas(parameters));
  return text;
}

class TreePrinter {
 public:
  TreePrinter(Output& out, const Model& model, size_t depth)
      : out_(out), model_(model), depth_(depth), counts_(ParametersBelow(model)) {}

  void Print(Index root) {
    struct Level {
      Index module;
      size_t next = 0;
    };
    std::vector<Level> stack;
    auto open = [&](Index index) {
      const Module& module = model_.modules[index];
      // Indenting stops growing where nobody could follow it any more.
      out_ << std::string(2 * std::min<size_t>(stack.size(), 60), ' ') << Heading(model_, module, counts_[index]);
      bool cut = stack.size() >= depth_;
      if (cut && !module.children.empty())
        out_ << fmt::format("  ({} module{} folded)", WithCommas(module.children.size()),
                            module.children.size() == 1 ? "" : "s");
      out_ << "\n";
      if (!cut && !module.children.empty()) stack.push_back({index});
    };
    open(root);
    while (!stack.empty()) {
      Level& level = stack.back();
      const Module& module = model_.modules[level.module];
      if (level.next == module.children.size()) {
        stack.pop_back();
        continue;
      }
      open(module.children[level.next++]);
    }
  }

  void WriteJson(JsonWriter& json, Index root) {
    json.BeginArray();
    std::vector<std::pair<Index, size_t>> pending{{root, 0}};
    while (!pending.empty()) {
      auto [index, level] = pending.back();
      pending.pop_back();
      const Module& module = model_.modules[index];
      json.BeginObject();
      json.Key("path").String(module.path).Key("name").String(module.name).Key("depth").Uint(level);
      json.Key("class").String(module.class_name);
      json.Key("origin").String(OriginName(module.origin));
      json.Key("parameters").Uint(counts_[index]);
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
      for (Index t : module.tensors) json.String(model_.tensors[t].name);
      json.EndArray();
      json.EndObject();
      out_.MaybeFlush();
      if (level >= depth_) continue;
      for (size_t i = module.children.size(); i-- > 0;) pending.emplace_back(module.children[i], level + 1);
    }
    json.EndArray();
  }

 private:
  Output& out_;
  const Model& model_;
  size_t depth_;
  std::vector<uint64_t> counts_;
};

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
  TreePrinter printer(out, *model, static_cast<size_t>(*depth));
  if (arguments.Flag("json")) {
    JsonWriter json(&out.buffer());
    json.BeginObject().Key("schema").String("pthview.tree/1").Key("file").String(model->file);
    json.Key("format").String(model->format).Key("roots").BeginArray();
    for (Index root : *roots) printer.WriteJson(json, root);
    json.EndArray().Key("findings");
    WriteFindings(json, model->findings);
    json.EndObject();
    out << "\n";
    return kExitOk;
  }
  for (Index root : *roots) {
    if (roots->size() > 1) {
      for (const Part& part : model->parts) {
        if (part.root == root)
          out << Style(UseColor(arguments))
                     .Bold(fmt::format("# {} ({})", EscapeForTerminal(part.path), PartKindName(part.kind)))
              << "\n";
      }
    }
    printer.Print(root);
  }
  return kExitOk;
}

}  // namespace pthview
