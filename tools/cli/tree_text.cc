#include "tools/cli/tree_text.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include <fmt/format.h>

#include "lib/analysis/graphs/uses.h"
#include "lib/analysis/structure/extra_repr.h"
#include "lib/analysis/structure/module_tree.h"
#include "lib/base/display_width.h"
#include "lib/base/text_hash.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

// Indenting stops growing where nobody could follow it any more.
constexpr size_t kDeepest = 60;
constexpr size_t kLongAttribute = 60;

// Names of tensors without the module's.
std::string_view LastStep(const Model& model, const Module& module, const Tensor& tensor) {
  std::string_view name = NameInPart(model, tensor);
  if (module.parent != kNone && name.starts_with(module.path)) name.remove_prefix(module.path.size());
  if (name.starts_with('.')) name.remove_prefix(1);
  return name;
}

// What stands before the bracket: "Conv2d", "~Conv2d" where it is inferred, "Module" or "?" where nothing is known.
std::string Title(const Module& module) {
  if (module.class_name.empty()) return module.children.empty() ? "?" : "Module";
  // What is inferred names the library where it is not torch.nn's: "bitsandbytes.Linear4bit".
  if (module.origin == Origin::kInferred) return "~" + EscapeForTerminal(module.class_name);
  return EscapeForTerminal(PrintedClass(module.class_name));
}

std::string Listed(const std::vector<Attribute>& attributes) {
  std::string text;
  for (const Attribute& attribute : attributes) {
    if (attribute.text.size() > kLongAttribute || attribute.name.starts_with('_')) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", attribute.name, attribute.text);
  }
  return text;
}

// What stands between the brackets, before the submodules; in escaped form, may have several lines.
std::string Inside(const Model& model, const Module& module) {
  if (module.class_name.empty()) {  // unknown: its tensors say what there is
    std::string text;
    for (Index t : module.tensors) {
      const Tensor& tensor = model.tensors[t];
      text += fmt::format("{}{}: [{}]", text.empty() ? "" : ", ", LastStep(model, module, tensor),
                          fmt::join(tensor.shape, ", "));
    }
    return text;
  }
  if (auto text = ExtraRepr(model, module)) return std::move(*text);
  const bool of_torch = IsTorchClass(module.class_name);
  return of_torch || module.origin == Origin::kInferred ? Listed(module.attributes) : std::string();
}

bool IsRegistered(const Module& module, const Module& child) {
  if (module.origin != Origin::kRecorded || child.origin != Origin::kRecorded) return true;
  if (child.path.size() > module.path.size() + child.name.size() + 5) return false;  // more steps than one
  std::string path(module.path);
  AppendTextKey(path, child.name);
  return path == child.path;
}

// torch's ModuleList numbers its children by their position.
bool CountsPositions(const Module& module) {
  if (module.origin != Origin::kRecorded || !IsTorchClass(module.class_name)) return false;
  const std::string_view name = PrintedClass(module.class_name);
  return name == "ModuleList" || name == "ParametrizationList";
}

// Lines, each safe for a terminal.
std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    lines.push_back(EscapeForTerminal(line));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return lines;
}

}  // namespace

// The work of one tree.
class TreePrinter::Tree {
 public:
  Tree(Output& out, const TreePrinter& all)
      : out_(out),
        model_(all.model_),
        counts_(all.counts_),
        operators_(all.operators_),
        options_(all.options_),
        looks_(all.looks_) {}

  void Print(Index root) {
    Open(root, "", 1);
    while (!stack_.empty()) {
      Level& level = stack_.back();
      const Module& module = model_.modules[level.module];
      for (; level.absent < module.absent.size() && module.absent[level.absent].first <= level.next; ++level.absent) {
        Line(Indent(stack_.size()), fmt::format("({}): None", EscapeForTerminal(module.absent[level.absent].second)),
             "");
      }
      if (level.next == module.children.size()) {
        out_ << std::string(Indent(stack_.size() - 1), ' ') << ")\n";
        stack_.pop_back();
        continue;
      }
      if (!Shows(module, module.children[level.next])) {
        ++level.next;
        continue;
      }
      const size_t first = level.next;
      size_t end = first + 1;
      const bool by_position = CountsPositions(module);
      if (by_position || CountsNames(module)) {
        while (end < module.children.size() && Same(module, first, end, by_position)) ++end;
      }
      level.next = end;
      const Index child = module.children[first];
      const std::string name = by_position ? std::to_string(first) : EscapeForTerminal(model_.modules[child].name);
      const size_t last = by_position ? end - 1 : NumberOf(child) + (end - first - 1);
      Open(child,
           end - first > 1 ? fmt::format("({}-{}): {} x ", name, last, end - first) : fmt::format("({}): ", name),
           end - first);
    }
  }

 private:
  struct Level {
    Index module;
    size_t next = 0;
    size_t absent = 0;
  };

  // torch prints the submodules that are registered, and not those that stand in a list or dict among the attributes.
  bool Shows(const Module& module, Index child) const {
    return options_.attributes || IsRegistered(module, model_.modules[child]);
  }

  static size_t Indent(size_t level) { return 2 * std::min(level, kDeepest); }

  // A module without a class whose children are called 0, 1, 2, ...
  bool CountsNames(const Module& module) const {
    if (!module.class_name.empty() || module.children.size() < 2) return false;
    return model_.modules[module.children[0]].name == "0" && model_.modules[module.children[1]].name == "1";
  }

  // Whether two children print alike and may stand in one line: where they go by their names, these must go on
  // counting.
  bool Same(const Module& module, size_t a, size_t b, bool by_position) const {
    const Index first = module.children[a];
    const Index second = module.children[b];
    if (looks_[first] != looks_[second]) return false;
    return by_position || model_.modules[second].name == std::to_string(NumberOf(first) + (b - a));
  }

  size_t NumberOf(Index index) const {
    const std::string_view name = model_.modules[index].name;
    size_t number = SIZE_MAX / 2;
    std::from_chars(name.data(), name.data() + name.size(), number);
    return number;
  }

  std::string Comment(Index index, size_t times, size_t folded) const {
    const Module& module = model_.modules[index];
    std::string text;
    auto put = [&](std::string_view piece) { text += fmt::format("{}{}", text.empty() ? "  # " : "; ", piece); };
    if (options_.counts && counts_[index] > 0) {
      put(fmt::format("{}{}{}", WithCommas(counts_[index]), module.parent == kNone ? " parameters" : "",
                      times > 1 ? " each" : ""));
    }
    if (options_.counts && !operators_.empty() && operators_[index] > 0) {
      put(fmt::format("{} operator{}", WithCommas(operators_[index]), operators_[index] == 1 ? "" : "s"));
    }
    if (options_.attributes && !ExtraRepr(model_, module)) {
      if (std::string listed = Listed(module.attributes); !listed.empty()) put(EscapeForTerminal(listed));
    }
    if (folded > 0) put(fmt::format("{} module{} folded", WithCommas(folded), folded == 1 ? "" : "s"));
    return text;
  }

  void Line(size_t indent, const std::string& text, const std::string& comment) {
    std::string line(indent, ' ');
    line += text;
    const bool commented = comment.empty() || DisplayWidth(line) + DisplayWidth(comment) <= options_.width;
    if (commented) line += comment;
    const size_t deeper = std::min(indent + 4, options_.width / 2);
    out_ << WrapText(line, options_.width, 0, deeper) << "\n";
    if (!commented) out_ << WrapText(std::string(deeper, ' ') + comment.substr(2), options_.width, 0, deeper) << "\n";
  }

  void Open(Index index, const std::string& label, size_t times) {
    const Module& module = model_.modules[index];
    const size_t indent = Indent(stack_.size());
    const std::string head = label + Title(module) + "(";
    const auto shown = static_cast<size_t>(std::count_if(module.children.begin(), module.children.end(),
                                                         [&](Index child) { return Shows(module, child); }));
    const bool cut = stack_.size() >= options_.depth && shown > 0;
    std::vector<std::string> lines = Lines(Inside(model_, module));
    const bool childless = shown == 0 && module.absent.empty();
    if (cut) return Line(indent, head + "...)", Comment(index, times, shown));
    std::string comment = Comment(index, times, 0);
    if (lines.empty() && childless) return Line(indent, head + ")", comment);
    if (lines.size() == 1 && childless) return Line(indent, head + lines[0] + ")", comment);
    Line(indent, head, comment);
    for (const std::string& line : lines) Line(Indent(stack_.size() + 1), line, "");
    stack_.push_back({index});
  }

  Output& out_;
  const Model& model_;
  const std::vector<uint64_t>& counts_;
  const std::vector<uint64_t>& operators_;
  const TreeOptions& options_;
  const std::vector<uint32_t>& looks_;
  std::vector<Level> stack_;
};

TreePrinter::TreePrinter(const Model& model, const TreeOptions& options)
    : model_(model), options_(options), counts_(ParametersBelow(model)), operators_(OperatorsBelow(model)) {
  looks_.resize(model.modules.size());
  std::unordered_map<std::string, uint32_t, TextHash> numbers;
  for (size_t i = model.modules.size(); i-- > 0;) {  // children come after their parents
    const Module& module = model.modules[i];
    std::string key = Title(module) + '(' + Inside(model, module) + ')';
    for (Index child : module.children) {
      key += fmt::format("{}:{},", CountsPositions(module) ? std::string_view() : model.modules[child].name,
                         looks_[child]);
    }
    for (const auto& [before, name] : module.absent) key += fmt::format("{}:{};", before, name);
    if (options.counts) key += fmt::format("#{}#{}", counts_[i], operators_.empty() ? 0 : operators_[i]);
    looks_[i] = numbers.try_emplace(std::move(key), static_cast<uint32_t>(numbers.size())).first->second;
  }
}

void TreePrinter::Print(Output& out, Index root) const { Tree(out, *this).Print(root); }

std::vector<uint64_t> OperatorsBelow(const Model& model) {
  std::vector<uint64_t> counts = OperatorsOfModules(model);
  bool any = false;
  for (size_t i = counts.size(); i-- > 0;) {  // children come after their parents
    any = any || counts[i] > 0;
    if (model.modules[i].parent != kNone) counts[model.modules[i].parent] += counts[i];
  }
  if (!any) counts.clear();
  return counts;
}

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

}  // namespace pthview
