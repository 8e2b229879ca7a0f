// A node's arguments are unions: `as_tensor` and its like name values, everything else is a constant and becomes an
// attribute. Values are named once; names that a hostile file uses before they are made, or makes twice, get values of
// their own, so that the graph stays in SSA form and without cycles.
#include "lib/formats/script/pt2_graph.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/script/pt2_arguments.h"
#include "lib/formats/script/pt2_modules.h"
#include "lib/formats/script/pt2_schema.h"
#include "lib/formats/script/pt2_signature.h"
#include "lib/formats/script/stack_trace.h"
#include "lib/model/attribute_text.h"

namespace pthview {
namespace {

// Graphs inside graphs (cond, map, while_loop).
constexpr int kMaxNesting = 16;

// `torch.ops.aten.conv2d.default` is conv2d.default of aten.
void SetOperator(std::string_view target, Node& node) {
  constexpr std::string_view kOps = "torch.ops.";
  if (target.starts_with(kOps)) {
    target.remove_prefix(kOps.size());
    size_t dot = std::min(target.find('.'), target.size());
    node.domain = EscapeName(target.substr(0, dot));
    target.remove_prefix(std::min(dot + 1, target.size()));
    dot = std::min(target.find('.'), target.size());
    node.op = EscapeName(target.substr(0, dot));
    node.overload = EscapeName(target.substr(std::min(dot + 1, target.size())));
    return;
  }
  size_t dot = target.rfind('.');
  if (dot != std::string_view::npos) node.domain = EscapeName(target.substr(0, dot));
  node.op = EscapeName(dot == std::string_view::npos ? target : target.substr(dot + 1));
}

class ProgramReader {
 public:
  ProgramReader(Index part, ModelBuilder& builder)
      : part_(part), builder_(builder), model_(builder.model()), modules_(builder, part) {}

  void Read(Json program, std::string_view name) {
    Json module = program["graph_module"];
    auto index = static_cast<Index>(model_.graphs.size());
    model_.graphs.emplace_back();
    model_.graph_roots.push_back(index);
    signature_ = ReadSignature(module["signature"], part_, model_);
    Graph graph = ReadGraph(module["graph"], 0);
    graph.name = EscapeName(name);
    graph.symbols = ReadRanges(program["range_constraints"]);
    model_.graphs[index] = std::move(graph);
    modules_.AddTensors();
  }

  void ReadExternNodes(Json nodes, std::string_view name) {
    extern_nodes_ = true;
    Scope scope;
    scope.graph.part = part_;
    scope.graph.name = EscapeName(name);
    for (Json node : nodes.elements()) ReadNode(scope, node["node"]);
    model_.graph_roots.push_back(static_cast<Index>(model_.graphs.size()));
    model_.graphs.push_back(std::move(scope.graph));
  }

 private:
  // A graph under construction.
  struct Scope {
    Graph graph;
    std::unordered_map<std::string_view, ValueType, TextHash> types;  // of values that are still to be made
    std::unordered_map<std::string_view, Index, TextHash> values;     // what a name means now
    std::unordered_map<std::string, size_t, TextHash> names;          // of values and nodes, how often
    Index absent = kNone;
    int depth = 0;
  };

  static void ReadTypes(Json json, Scope& scope) {
    for (const auto& [name, meta] : json["tensor_values"].members()) {
      scope.types.insert_or_assign(name, TensorTypeOf(meta));
    }
    constexpr std::pair<std::string_view, TypeKind> kSymbols[] = {{"sym_int_values", TypeKind::kInt},
                                                                  {"sym_bool_values", TypeKind::kBool},
                                                                  {"sym_float_values", TypeKind::kFloat}};
    for (const auto& [key, kind] : kSymbols) {
      for (const auto& [name, symbol] : json[key].members()) {
        scope.types.insert_or_assign(name, SymbolTypeOf(kind, symbol));
      }
    }
    for (const auto& [name, object] : json["custom_obj_values"].members()) {
      scope.types.insert_or_assign(name,
                                   ValueType{.kind = TypeKind::kClass, .name = EscapeName(object["class_fqn"].Text())});
    }
  }

  Graph ReadGraph(Json json, int depth) {  // NOLINT(misc-no-recursion): kMaxNesting at most
    Scope scope;
    scope.depth = depth;
    scope.graph.part = part_;
    ReadTypes(json, scope);
    for (Json input : json["inputs"].elements()) {
      for (Index value : Define(scope, UnionOf(input))) {
        if (scope.graph.values[value].tensor == kNone) scope.graph.inputs.push_back(value);
      }
    }
    for (Json node : json["nodes"].elements()) ReadNode(scope, node);
    size_t output = 0;
    for (Json argument : json["outputs"].elements()) ReadOutput(scope, UnionOf(argument), output++);
    return std::move(scope.graph);
  }

  // What the signature says is written back is no output for whoever calls the program.
  void ReadOutput(Scope& scope, Json::Member argument, size_t position) {
    std::vector<Index> values = Use(scope, argument);
    const WrittenBack* written =
        scope.depth == 0 ? signature_.Written(position, argument.value["name"].Text()) : nullptr;
    if (written == nullptr || values.size() != 1) {
      scope.graph.outputs.insert(scope.graph.outputs.end(), values.begin(), values.end());
      return;
    }
    auto input = scope.values.find(written->input);
    scope.graph.mutations.push_back(
        {.value = values[0], .tensor = written->tensor, .input = input == scope.values.end() ? kNone : input->second});
  }

  void ReadNode(Scope& scope, Json json) {  // NOLINT(misc-no-recursion): kMaxNesting at most
    Node node;
    SetOperator(json["target"].Text(), node);
    Json metadata = json["metadata"];
    ExportModules::Call call = modules_.OfStack(metadata["nn_module_stack"].Text());
    node.module = call.module;
    node.call = call.number;
    SourceLine line = InnermostLine(metadata["stack_trace"].Text());
    node.location = std::move(line.location);
    node.source = std::move(line.text);
    Index position = 0;
    for (Json input : json["inputs"].elements()) {
      ReadArgument(scope, EscapeName(input["name"].Text()), UnionOf(input["arg"]), position++, node);
    }
    for (Json output : json["outputs"].elements()) {
      std::vector<Index> values = Define(scope, UnionOf(output));
      if (!values.empty()) node.outputs.push_back({.name = {}, .values = std::move(values)});
    }
    std::string_view name = json["name"].Text();
    if (name.empty() && !node.outputs.empty()) name = scope.graph.values[node.outputs[0].values[0]].name;
    node.name = UniqueName(scope, "node " + (name.empty() ? node.op : EscapeName(name))).substr(5);
    scope.graph.nodes.push_back(std::move(node));
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxNesting at most
  void ReadArgument(Scope& scope, std::string name, Json::Member argument, Index position, Node& node) {
    if (argument.key == "as_graph") return ReadBody(scope, std::move(name), argument.value, position, node);
    std::vector<Index> values = Use(scope, argument);
    if (values.empty() || HasStructure(argument)) {
      size_t next = 0;
      Attribute attribute = TypedAttribute(
          name, ArgumentValue(argument, [&](Json) { return AttributeValue{ValueReference{values[next++]}}; }),
          position);
      if (next > 0) {
        attribute.text = AttributeText(attribute.value, [&](const AttributeValue& item) {
          const auto* used = item.Get<ValueReference>();
          return used == nullptr ? "" : scope.graph.values[used->value].name;
        });
      }
      if (!attribute.value.typed()) {
        attribute.text = EscapeName(argument.key);
        builder_.Note(Severity::kWarning, "graph-argument", attribute.text,
                      "the graph has arguments of a kind that is not known here; they are named and not shown");
      }
      node.attributes.push_back(std::move(attribute));
    }
    if (!values.empty()) {
      node.inputs.push_back({.name = std::move(name), .values = std::move(values), .position = position});
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxNesting at most
  void ReadBody(Scope& scope, std::string name, Json graph, Index position, Node& node) {
    if (scope.depth + 1 >= kMaxNesting) {
      builder_.Note(Severity::kWarning, "graph-nesting", name,
                    fmt::format("graphs stand inside each other more than {} deep", kMaxNesting));
      return;
    }
    auto index = static_cast<Index>(model_.graphs.size());  // before those inside it
    model_.graphs.emplace_back();
    Graph body = ReadGraph(graph["graph"], scope.depth + 1);
    body.name = EscapeName(graph["name"].Text());
    Attribute attribute = TypedAttribute(std::move(name), {GraphReference{index}}, position);
    if (!body.name.empty()) attribute.text = body.name;
    node.attributes.push_back(std::move(attribute));
    node.blocks.push_back(index);
    model_.graphs[index] = std::move(body);
  }

  std::vector<Index> Define(Scope& scope, Json::Member argument) {
    std::vector<Index> values;
    ForEachValueName(argument, [&](Json name) {
      if (!name) return;
      if (scope.values.contains(name.Text())) {
        builder_.Note(Severity::kWarning, "graph-names", EscapeName(name.Text()),
                      "the graph makes this value twice, or uses it before it is made");
      }
      Index value = AddValue(scope, name.Text());
      scope.values.insert_or_assign(name.Text(), value);
      values.push_back(value);
    });
    return values;
  }

  std::vector<Index> Use(Scope& scope, Json::Member argument) {
    std::vector<Index> values;
    ForEachValueName(argument, [&](Json name) {
      if (!name) {
        if (scope.absent == kNone) {
          scope.absent = static_cast<Index>(scope.graph.values.size());
          scope.graph.values.emplace_back();
        }
        values.push_back(scope.absent);
        return;
      }
      auto found = scope.values.find(name.Text());
      if (found == scope.values.end()) {
        if (!extern_nodes_)
          builder_.Note(Severity::kWarning, "graph-names", EscapeName(name.Text()),
                        "the graph uses this value and has not made it");
        found = scope.values.emplace(name.Text(), AddValue(scope, name.Text())).first;
      }
      values.push_back(found->second);
    });
    return values;
  }

  Index AddValue(Scope& scope, std::string_view name) {
    GraphValue value{.name = UniqueName(scope, EscapeName(name))};
    if (auto type = scope.types.find(name); type != scope.types.end()) {
      value.value_type = std::move(type->second);
      value.type = TypeText(value.value_type);
      scope.types.erase(type);  // no other value has the name
    }
    if (scope.depth == 0) value.tensor = signature_.Weight(name);
    scope.graph.values.push_back(std::move(value));
    return static_cast<Index>(scope.graph.values.size() - 1);
  }

  static std::string UniqueName(Scope& scope, std::string name) {
    while (true) {
      size_t& times = scope.names[name];
      if (times++ == 0) return name;
      name += fmt::format("#{}", times);
    }
  }

  Index part_;
  ModelBuilder& builder_;
  Model& model_;
  ExportModules modules_;
  ExportSignature signature_;
  bool extern_nodes_ = false;  // what they take the compiled code makes
};

}  // namespace

void AddExportedProgram(Json program, std::string_view name, Index part, ModelBuilder& builder) {
  ProgramReader(part, builder).Read(program, name);
}

void AddExternNodes(Json nodes, std::string_view name, Index part, ModelBuilder& builder) {
  ProgramReader(part, builder).ReadExternNodes(nodes, name);
}

}  // namespace pthview
