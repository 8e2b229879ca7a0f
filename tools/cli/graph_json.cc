#include "tools/cli/graph_json.h"

#include <string_view>
#include <vector>

#include "converters/json/typed_json.h"
#include "lib/analysis/graphs/operators.h"
#include "lib/analysis/graphs/summary.h"

namespace pthview {
namespace {

void TextMember(JsonWriter& json, std::string_view key, std::string_view text) {
  if (!text.empty()) json.Key(key).String(text);
}

void Rows(JsonWriter& json, std::string_view key, const std::vector<Index>& rows) {
  json.Key(key).BeginArray(true);
  for (Index row : rows) json.Uint(row);
  json.EndArray();
}

class GraphWriter {
 public:
  GraphWriter(JsonWriter& json, const Model& model) : json_(json), model_(model), tensors_(model.tensors.size()) {
    tensors_.KeepAll();
    tensors_.Number();
  }

  void Write(Index index, bool root) {
    const Graph& graph = model_.graphs[index];
    json_.BeginObject().Key("index").Uint(index).Key("name").String(graph.name);
    json_.Key("origin").String(OriginName(graph.origin)).Key("body").Bool(!root);
    if (graph.part != kNone) json_.Key("part").String(model_.parts[graph.part].path);
    if (root) WriteOperators(graph);
    Rows(json_, "inputs", graph.inputs);
    Rows(json_, "outputs", graph.outputs);
    WriteSymbols(json_, graph);
    json_.Key("values").BeginArray();
    for (const GraphValue& value : graph.values) WriteValue(value);
    json_.EndArray().Key("nodes").BeginArray();
    for (const Node& node : graph.nodes) WriteNode(node);
    json_.EndArray();
    if (!graph.mutations.empty()) WriteMutations(graph);
    json_.EndObject();
  }

 private:
  void WriteOperators(const Graph& graph) {
    json_.Key("operators").BeginArray();
    for (const OperatorCount& each : SummarizeGraph(model_, graph).operators) {
      json_.BeginObject().Key("name").String(each.name).Key("count").Uint(each.count).EndObject();
    }
    json_.EndArray();
  }

  void WriteValue(const GraphValue& value) {
    json_.BeginObject().Key("name").String(value.name);
    TextMember(json_, "type", value.type);
    if (value.value_type.known()) WriteType(json_.Key("value_type"), value.value_type);
    if (value.tensor != kNone) json_.Key("tensor").String(model_.tensors[value.tensor].name);
    json_.EndObject();
  }

  void WriteNode(const Node& node) {
    json_.BeginObject().Key("name").String(node.name);
    TextMember(json_, "domain", node.domain);
    json_.Key("op").String(node.op);
    TextMember(json_, "overload", node.overload);
    TextMember(json_, "category", OperatorCategory(node));
    if (node.module != kNone) json_.Key("module").String(model_.modules[node.module].path);
    if (node.call > 0) json_.Key("call").Uint(node.call);
    WriteArguments("inputs", node.inputs);
    WriteArguments("outputs", node.outputs);
    if (!node.attributes.empty()) {
      json_.Key("attributes").BeginArray();
      for (const Attribute& attribute : node.attributes) {
        json_.BeginObject().Key("name").String(attribute.name).Key("text").String(attribute.text);
        if (attribute.value.typed()) WriteTypedValue(json_.Key("value"), attribute.value, tensors_);
        if (attribute.position != kNone) json_.Key("position").Uint(attribute.position);
        json_.EndObject();
      }
      json_.EndArray();
    }
    if (!node.blocks.empty()) Rows(json_, "blocks", node.blocks);
    TextMember(json_, "location", node.location);
    TextMember(json_, "source", node.source);
    json_.EndObject();
  }

  void WriteArguments(std::string_view key, const std::vector<Argument>& arguments) {
    json_.Key(key).BeginArray();
    for (const Argument& argument : arguments) {
      json_.BeginObject().Key("name").String(argument.name);
      Rows(json_, "values", argument.values);
      if (argument.position != kNone) json_.Key("position").Uint(argument.position);
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteMutations(const Graph& graph) {
    json_.Key("mutations").BeginArray();
    for (const Mutation& mutation : graph.mutations) {
      json_.BeginObject().Key("value").Uint(mutation.value);
      if (mutation.tensor != kNone) json_.Key("tensor").String(model_.tensors[mutation.tensor].name);
      if (mutation.input != kNone) json_.Key("input").Uint(mutation.input);
      json_.EndObject();
    }
    json_.EndArray();
  }

  JsonWriter& json_;
  const Model& model_;
  RowMap tensors_;
};

}  // namespace

void WriteGraphs(JsonWriter& json, const Model& model, std::span<const Index> roots) {
  GraphWriter writer(json, model);
  json.BeginArray();
  for (Index root : roots) {
    std::vector<Index> todo = {root};
    while (!todo.empty()) {
      Index at = todo.back();
      todo.pop_back();
      writer.Write(at, at == root);
      const std::vector<Node>& nodes = model.graphs[at].nodes;
      for (size_t i = nodes.size(); i-- > 0;) {
        todo.insert(todo.end(), nodes[i].blocks.rbegin(), nodes[i].blocks.rend());
      }
    }
  }
  json.EndArray();
}

}  // namespace pthview
