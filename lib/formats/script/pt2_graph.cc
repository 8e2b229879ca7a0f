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
#include "lib/formats/script/pt2_modules.h"
#include "lib/formats/script/pt2_schema.h"
#include "lib/model/path.h"

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

// The innermost place of a Python stack trace: `File "/a/model.py", line 97, in forward` is "/a/model.py:97".
std::string LocationOf(std::string_view trace) {
  constexpr std::string_view kFile = "File \"";
  constexpr std::string_view kLine = "\", line ";
  size_t file = trace.rfind(kFile);
  if (file == std::string_view::npos) return {};
  trace.remove_prefix(file + kFile.size());
  size_t line = trace.find(kLine);
  if (line == std::string_view::npos) return {};
  std::string_view number = trace.substr(line + kLine.size());
  number = number.substr(0, number.find_first_not_of("0123456789"));
  return fmt::format("{}:{}", EscapeName(trace.substr(0, line)), number);
}

class ProgramReader {
 public:
  ProgramReader(Index part, ModelBuilder& builder)
      : part_(part), builder_(builder), model_(builder.model()), modules_(builder, part) {
    for (Index i = 0; i < model_.tensors.size(); ++i) {
      if (model_.tensors[i].part == part) tensors_.emplace(model_.tensors[i].name, i);
    }
  }

  void Read(Json program, std::string_view name) {
    Json module = program["graph_module"];
    auto index = static_cast<Index>(model_.graphs.size());
    model_.graphs.emplace_back();
    model_.graph_roots.push_back(index);
    ReadSignature(module["signature"]);
    Graph graph = ReadGraph(module["graph"], 0);
    graph.name = EscapeName(name);
    model_.graphs[index] = std::move(graph);
    modules_.AddTensors();
  }

 private:
  // A graph under construction.
  struct Scope {
    Graph graph;
    std::unordered_map<std::string_view, Json, TextHash> types;    // tensor_values
    std::unordered_map<std::string_view, Index, TextHash> values;  // what a name means now
    std::unordered_map<std::string, size_t, TextHash> names;       // of values and nodes, how often
    Index absent = kNone;
    int depth = 0;
  };

  // The weight behind each input of the graph, by the input's name. {"input_specs": [{"parameter": {"arg": {"name"},
  // "parameter_name"}}]}; torch 2.1: {"inputs_to_parameters": {input: name}}.
  void ReadSignature(Json signature) {
    for (Json spec : signature["input_specs"].elements()) {
      auto [kind, body] = UnionOf(spec);
      std::string_view input = body["arg"]["name"].Text();
      if (kind == "parameter") {
        SetWeight(input, body["parameter_name"].Text(), TensorKind::kParameter, true);
      } else if (kind == "buffer") {
        SetWeight(input, body["buffer_name"].Text(), TensorKind::kBuffer, body["persistent"].Bool().value_or(true));
      } else if (kind == "tensor_constant") {
        SetWeight(input, body["tensor_constant_name"].Text(), TensorKind::kConstant, false);
      }
    }
    for (const auto& [input, name] : signature["inputs_to_parameters"].members()) {
      SetWeight(input, name.Text(), TensorKind::kParameter, true);
    }
    for (const auto& [input, name] : signature["inputs_to_buffers"].members()) {
      SetWeight(input, name.Text(), TensorKind::kBuffer, true);
    }
  }

  void SetWeight(std::string_view input, std::string_view name, TensorKind kind, bool persistent) {
    std::string path;
    AppendTextKey(path, name);
    auto found = tensors_.find(path);
    if (found == tensors_.end()) return;
    weights_.emplace(input, found->second);
    model_.tensors[found->second].kind = kind;
    model_.tensors[found->second].persistent = persistent;
  }

  Graph ReadGraph(Json json, int depth) {
    Scope scope;
    scope.depth = depth;
    scope.graph.part = part_;
    for (const auto& [name, type] : json["tensor_values"].members()) scope.types.insert_or_assign(name, type);
    for (Json input : json["inputs"].elements()) {
      for (Index value : Define(scope, UnionOf(input))) {
        if (scope.graph.values[value].tensor == kNone) scope.graph.inputs.push_back(value);
      }
    }
    for (Json node : json["nodes"].elements()) ReadNode(scope, node);
    for (Json output : json["outputs"].elements()) {
      auto values = Use(scope, UnionOf(output));
      scope.graph.outputs.insert(scope.graph.outputs.end(), values.begin(), values.end());
    }
    return std::move(scope.graph);
  }

  void ReadNode(Scope& scope, Json json) {
    Node node;
    SetOperator(json["target"].Text(), node);
    Json metadata = json["metadata"];
    node.module = modules_.OfStack(metadata["nn_module_stack"].Text());
    node.location = LocationOf(metadata["stack_trace"].Text());
    for (Json input : json["inputs"].elements()) {
      std::string name = EscapeName(input["name"].Text());
      ReadArgument(scope, std::move(name), UnionOf(input["arg"]), node);
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

  void ReadArgument(Scope& scope, std::string name, Json::Member argument, Node& node) {
    if (argument.key == "as_graph") {
      if (scope.depth + 1 >= kMaxNesting) {
        builder_.Note(Severity::kWarning, "graph-nesting", name,
                      fmt::format("graphs stand inside each other more than {} deep", kMaxNesting));
        return;
      }
      auto index = static_cast<Index>(model_.graphs.size());  // before those inside it
      model_.graphs.emplace_back();
      Graph block = ReadGraph(argument.value["graph"], scope.depth + 1);
      block.name = EscapeName(argument.value["name"].Text());
      Attribute attribute = TypedAttribute(std::move(name), {GraphReference{index}});
      attribute.text = block.name;
      node.attributes.push_back(std::move(attribute));
      node.blocks.push_back(index);
      model_.graphs[index] = std::move(block);
      return;
    }
    std::vector<Index> values = Use(scope, argument);
    bool text = values.empty() || argument.key == "as_sym_ints";  // a list of numbers and names: [2, s0]
    if (text) node.attributes.push_back({name, EscapeName(ArgumentText(argument)), Origin::kRecorded});
    if (!values.empty()) node.inputs.push_back({std::move(name), std::move(values)});
  }

  // Calls `each` with the name of every value in an argument; null for one that is absent.
  template <typename Function>
  static void ForEachName(Json::Member argument, Function each) {
    auto [kind, value] = argument;
    auto optional = [&](Json item) {
      Json tensor = item["as_tensor"];
      tensor ? each(tensor["name"]) : each(Json());
    };
    if (kind == "as_tensor" || kind == "as_custom_obj") {
      each(value["name"]);
    } else if (kind == "as_tensors") {
      for (Json item : value.elements()) each(item["name"]);
    } else if (kind == "as_optional_tensor") {
      optional(value);
    } else if (kind == "as_optional_tensors") {
      for (Json item : value.elements()) optional(item);
    } else if (kind == "as_nested_tensors") {
      for (Json list : value.elements()) {
        for (Json item : list.elements()) each(item["name"]);
      }
    } else if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") {
      if (value["as_name"]) each(value["as_name"]);
    } else if (kind == "as_sym_ints" || kind == "as_sym_bools" || kind == "as_sym_floats") {
      for (Json item : value.elements()) {
        if (item["as_name"]) each(item["as_name"]);
      }
    }
  }

  std::vector<Index> Define(Scope& scope, Json::Member argument) {
    std::vector<Index> values;
    ForEachName(argument, [&](Json name) {
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
    ForEachName(argument, [&](Json name) {
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
      value.type = EscapeName(TensorTypeText(type->second));
      scope.types.erase(type);  // no other value has the name
    }
    if (auto weight = weights_.find(name); scope.depth == 0 && weight != weights_.end()) value.tensor = weight->second;
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
  std::unordered_map<std::string_view, Index, TextHash> tensors_;  // by name
  std::unordered_map<std::string_view, Index, TextHash> weights_;  // by the graph's name for them
};

}  // namespace

void AddExportedProgram(Json program, std::string_view name, Index part, ModelBuilder& builder) {
  ProgramReader(part, builder).Read(program, name);
}

}  // namespace pthview
