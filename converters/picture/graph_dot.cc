#include "converters/picture/graph_dot.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/graphs/fold.h"
#include "lib/analysis/graphs/operators.h"
#include "lib/base/escape.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

constexpr size_t kLongestLine = 60;  // characters of a line in a box
constexpr size_t kMostLines = 14;    // in a box

struct Colour {
  std::string_view category;
  std::string_view fill;
  std::string_view font;
};
// Netron's.
constexpr Colour kColours[] = {
    {"Layer", "#335588", "white"},         {"Activation", "#702921", "white"}, {"Pool", "#335533", "white"},
    {"Normalization", "#335544", "white"}, {"Dropout", "#454770", "white"},    {"Shape", "#6c4f47", "white"},
    {"Tensor", "#593b1f", "white"},        {"Transform", "#334e4f", "white"},  {"Attention", "#5f2f6f", "white"},
    {"Control", "#3f3f7f", "white"},       {"Constant", "#eeeeee", "black"},   {"Quantization", "#503f1f", "white"},
};

// One line of a label: safe, short, and with backslashes that Graphviz shows.
std::string Line(std::string_view text) {
  std::string safe = EscapeForTerminal(text.substr(0, 4 * kLongestLine));
  if (safe.size() > kLongestLine) {
    size_t end = kLongestLine;
    while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xC0) == 0x80) --end;
    safe = safe.substr(0, end) + "\xE2\x80\xA6";
  }
  std::string out;
  for (char c : safe) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string_view LastStep(std::string_view name) {
  size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

class DotWriter {
 public:
  DotWriter(const Model& model, const GraphDotOptions& options) : model_(model), options_(options) {}

  Result<std::string> Write(const Graph& graph) {
    inferred_ = graph.origin == Origin::kInferred;
    depth_ = options_.depth >= 0 ? static_cast<size_t>(options_.depth) : ComfortableDepth(graph);
    out_ =
        "digraph g {\n"
        "graph [fontname=\"sans-serif\", fontsize=11, ranksep=0.35, nodesep=0.25, compound=true];\n"
        "node [shape=box, style=\"filled,rounded\", fillcolor=\"#f4f4f4\", color=\"#666666\", fontname=\"sans-serif\", "
        "fontsize=10, margin=\"0.12,0.06\", height=0.3];\n"
        "edge [fontname=\"sans-serif\", fontsize=8, color=\"#555555\", fontcolor=\"#555555\", arrowsize=0.6];\n";
    Scope scope{graph, {}, std::vector<size_t>(graph.values.size(), kNowhere)};
    for (Index value : graph.inputs) {
      scope.box[value] = Port(graph.values[value].name, graph.values[value].type);
    }
    Body(scope, 0);
    for (Index value : graph.outputs) {
      size_t port = Port(graph.values[value].name, graph.values[value].type);
      Edge(scope, value, port);
    }
    for (const Mutation& mutation : graph.mutations) {
      std::string_view to = mutation.tensor != kNone  ? model_.tensors[mutation.tensor].name
                            : mutation.input != kNone ? std::string_view(graph.values[mutation.input].name)
                                                      : "";
      Edge(scope, mutation.value, Port(std::string(to), "written back"));
    }
    out_ += edge_text_;
    out_ += "}\n";
    if (boxes_ > options_.most) {
      return Error{.code = ErrorCode::kLimit,
                   .message = fmt::format("the picture would have {} boxes, more than the {} that can be laid out",
                                          boxes_, options_.most),
                   .file = model_.file,
                   .hint = "`--depth 1` folds the modules, or leave --depth out"};
    }
    return std::move(out_);
  }

 private:
  static constexpr size_t kNowhere = SIZE_MAX;

  struct Scope {
    const Graph& graph;
    FoldedGraph folded;
    std::vector<size_t> box;  // by value: what makes it
    Scope* around = nullptr;
    std::unordered_map<std::string_view, Index, TextHash> names;  // of the values, when a body asked for one
  };

  // The deepest level at which the picture has no more than `comfortable` boxes.
  size_t ComfortableDepth(const Graph& graph) const {
    FoldedGraph folded = FoldByModule(model_, graph);
    std::vector<size_t> level(folded.groups.size(), 0);
    std::vector<size_t> boxes(1, 0);  // by level: those that unfolding the groups of this level adds
    for (size_t g = 0; g < folded.groups.size(); ++g) {
      if (g > 0) level[g] = level[folded.groups[g].parent] + 1;
      if (boxes.size() <= level[g]) boxes.resize(level[g] + 1, 0);
      boxes[level[g]] += folded.groups[g].items.size();
    }
    size_t all = boxes[0];
    for (size_t deep = 1; deep < boxes.size(); ++deep) {
      if (all + boxes[deep] > options_.comfortable) return deep - 1;
      all += boxes[deep];
    }
    return boxes.size();
  }

  void Body(Scope& scope, size_t level) {  // NOLINT(misc-no-recursion): kDeepestBlock at most
    scope.folded = FoldByModule(model_, scope.graph);
    Group(scope, 0, level);
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as groups and bodies nest
  void Group(Scope& scope, Index group, size_t level) {
    // The vector of groups does not change any more.
    for (const FoldedItem& item : scope.folded.groups[group].items) {
      if (item.node != kNone) {
        NodeBox(scope, scope.graph.nodes[item.node], level);
      } else if (level < depth_) {
        const FoldedGroup& inner = scope.folded.groups[item.group];
        OpenCluster(ModuleTitle(inner.module));
        Group(scope, item.group, level + 1);
        out_ += "}\n";
      } else {
        GroupBox(scope, item.group);
      }
    }
  }

  std::string ModuleTitle(Index index) const {
    const Module& module = model_.modules[index];
    std::string title = Line(LastStep(module.class_name));
    if (!module.path.empty()) title += (title.empty() ? "" : "  ") + Line(module.path);
    return title;
  }

  void OpenCluster(const std::string& title) {
    out_ += fmt::format(
        "subgraph cluster{} {{\nlabel=\"{}\"; labeljust=l; style=\"rounded\"; color=\"#999999\"; "
        "fontcolor=\"#444444\";\n",
        clusters_++, title);
  }

  size_t Box(const std::vector<std::string>& lines, std::string_view category) {
    std::string style;
    for (const Colour& colour : kColours) {
      if (colour.category == category) {
        style = fmt::format(", fillcolor=\"{}\", fontcolor=\"{}\"", colour.fill, colour.font);
      }
    }
    std::string label;
    for (size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) {
      label += lines[i];
      label += i == 0 && lines.size() == 1 ? "" : i == 0 ? "\\n" : "\\l";
    }
    if (lines.size() > kMostLines) label += "\xE2\x80\xA6\\l";
    if (boxes_ <= options_.most) out_ += fmt::format("n{} [label=\"{}\"{}];\n", boxes_, label, style);
    return boxes_++;
  }

  size_t Port(std::string_view name, std::string_view type) {
    std::string label = Line(name);
    if (!type.empty()) label += "\\n" + Line(type);
    if (boxes_ <= options_.most) {
      out_ += fmt::format("n{} [label=\"{}\", shape=box, style=\"filled,rounded\", fillcolor=\"#e8e8e8\"];\n", boxes_,
                          label);
    }
    return boxes_++;
  }

  // A folded module: everything inside is one box.
  void GroupBox(Scope& scope, Index group) {
    std::vector<std::string> lines = {ModuleTitle(scope.folded.groups[group].module)};
    size_t nodes = 0;
    std::vector<Index> inside;
    std::vector<Index> todo = {group};
    while (!todo.empty()) {
      Index at = todo.back();
      todo.pop_back();
      for (const FoldedItem& item : scope.folded.groups[at].items) {
        if (item.group != kNone) todo.push_back(item.group);
        if (item.node == kNone) continue;
        ++nodes;
        inside.push_back(item.node);
      }
    }
    lines.push_back(fmt::format("{} operators", nodes));
    size_t box = Box(lines, "");
    const FoldedGroup& folded = scope.folded.groups[group];
    for (Index value : folded.inputs) Edge(scope, value, box);
    for (Index node : inside) {
      for (const Argument& argument : scope.graph.nodes[node].outputs) {
        for (Index value : argument.values) scope.box[value] = box;
      }
    }
  }

  std::vector<std::string> NodeLines(const Scope& scope, const Node& node) const {
    std::vector<std::string> lines = {Line(node.op)};
    std::string_view path = node.module == kNone ? "" : model_.modules[node.module].path;
    if (!path.empty()) lines[0] += "  " + Line(path);
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) {
        Index tensor = scope.graph.values[value].tensor;
        if (tensor == kNone) continue;
        lines.push_back(Line(fmt::format("{} [{}]", LastStep(model_.tensors[tensor].name),
                                         fmt::join(model_.tensors[tensor].shape, ", "))));
      }
    }
    for (const Attribute& attribute : node.attributes) {
      if (attribute.value.Is<GraphReference>() || attribute.value.Is<NoneValue>()) continue;
      lines.push_back(Line(attribute.name.empty() ? attribute.text : attribute.name + " " + attribute.text));
    }
    return lines;
  }

  void NodeBox(Scope& scope, const Node& node, size_t level) {  // NOLINT(misc-no-recursion): kDeepestBlock at most
    const bool container = inferred_ && node.blocks.size() == 1;
    if (container && level >= depth_ && options_.depth >= 0) {
      Simple(scope, node);
      return;
    }
    if (node.blocks.empty()) {
      Simple(scope, node);
      return;
    }
    OpenCluster(container && node.module != kNone ? ModuleTitle(node.module) : Line(OperatorName(node)));
    size_t box = container ? kNowhere : Box(NodeLines(scope, node), OperatorCategory(node));
    std::vector<Index> given;
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) {
        // Weights are among the operands of a body, and no inputs of a layer.
        if (!container || scope.graph.values[value].tensor == kNone) given.push_back(value);
      }
    }
    if (!container) {
      for (Index value : given) Edge(scope, value, box);
    }
    for (Index block : node.blocks) Inner(scope, node, model_.graphs[block], given, box, level);
    out_ += "}\n";
    if (container) return;
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) scope.box[value] = box;
    }
  }

  void Simple(Scope& scope, const Node& node) {
    size_t box = Box(NodeLines(scope, node), OperatorCategory(node));
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) Edge(scope, value, box);
    }
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) scope.box[value] = box;
    }
  }

  // A body. Its inputs are the last of the node's (cond: after the condition); a loop counts by itself.
  // NOLINTNEXTLINE(misc-no-recursion): kDeepestBlock at most
  void Inner(Scope& outer, const Node& node, const Graph& body, const std::vector<Index>& given, size_t box,
             size_t level) {
    const bool container = box == kNowhere;
    Scope scope{body, {}, std::vector<size_t>(body.values.size(), kNowhere), &outer};
    if (!container) OpenCluster(Line(body.name));
    size_t first = node.op == "Loop" && !body.inputs.empty() ? 1 : 0;
    size_t count = std::min(body.inputs.size() - first, given.size());
    for (size_t i = 0; i < count; ++i) {
      Index value = given[given.size() - 1 - i];
      scope.box[body.inputs[body.inputs.size() - 1 - i]] = outer.box[value];
    }
    Body(scope, level + (container ? 1 : 0));
    if (!container) out_ += "}\n";
    size_t port = 0;
    std::vector<Index> results;
    for (const Argument& argument : node.outputs)
      results.insert(results.end(), argument.values.begin(), argument.values.end());
    for (Index value : body.outputs) {
      if (!container) {
        Edge(scope, value, box);
      } else if (port < results.size()) {
        outer.box[results[port++]] = Find(scope, value);
      }
    }
  }

  // The box that makes a value, in this graph or in one around it.
  size_t Find(Scope& scope, Index value) {
    if (scope.box[value] != kNowhere || scope.around == nullptr) return scope.box[value];
    std::string_view name = scope.graph.values[value].name;
    for (Scope* at = scope.around; at != nullptr && !name.empty(); at = at->around) {
      if (at->names.empty()) {
        for (size_t i = 0; i < at->graph.values.size(); ++i) {
          at->names.emplace(at->graph.values[i].name, static_cast<Index>(i));
        }
      }
      auto found = at->names.find(name);
      if (found != at->names.end() && at->box[found->second] != kNowhere) return at->box[found->second];
    }
    return kNowhere;
  }

  void Edge(Scope& scope, Index value, size_t to) {
    const GraphValue& row = scope.graph.values[value];
    if (row.tensor != kNone || row.name.empty()) return;
    size_t from = Find(scope, value);
    if (from == kNowhere || from == to || !edges_.insert(uint64_t{from} << 32 | to).second) return;
    edge_text_ += fmt::format("n{} -> n{}", from, to);
    if (!row.type.empty()) edge_text_ += fmt::format(" [label=\"{}\"]", Line(row.type));
    if (inferred_) edge_text_ += " [style=dashed]";
    edge_text_ += ";\n";
  }

  const Model& model_;
  const GraphDotOptions& options_;
  std::string out_;
  std::string edge_text_;  // behind all clusters: an edge inside one would move its ends there
  size_t depth_ = 0;
  size_t boxes_ = 0;
  size_t clusters_ = 0;
  bool inferred_ = false;
  std::unordered_set<uint64_t, TextHash> edges_;  // each once, however many values run along it
};

}  // namespace

Result<std::string> GraphDot(const Model& model, const Graph& graph, const GraphDotOptions& options) {
  return DotWriter(model, options).Write(graph);
}

}  // namespace pthview
