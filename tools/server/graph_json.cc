#include "tools/server/graph_json.h"

#include <algorithm>
#include <vector>

#include "lib/analysis/graphs/operators.h"
#include "lib/base/json.h"

namespace pthview::server {
namespace {

constexpr size_t kMaxText = 400;                    // bytes of an attribute or a source line
constexpr size_t kMaxDocument = size_t{256} << 20;  // bytes; a graph beyond is left out

int64_t OrMinusOne(Index index) { return index == kNone ? -1 : static_cast<int64_t>(index); }

// At most kMaxText bytes, cut before a character.
std::string_view Shortened(std::string_view text) {
  if (text.size() <= kMaxText) return text;
  size_t end = kMaxText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

class GraphDocument {
 public:
  GraphDocument(const Model& model, std::span<const Graph> graphs, std::span<const Index> roots, const Outline& outline)
      : graphs_(graphs), is_root_(graphs.size()), module_of_(model.modules.size(), -1) {
    for (Index root : roots) is_root_[root] = true;
    for (size_t i = 0; i < outline.modules.size(); ++i) {
      if (outline.modules[i].source != kNone) module_of_[outline.modules[i].source] = static_cast<int64_t>(i);
    }
  }

  std::string Write(std::string_view state, std::string_view message) && {
    std::string text;
    JsonWriter json(&text);
    json.BeginObject();
    json.Key("schema").String("pthview.page-graph/1");
    json.Key("state").String(state);
    json.Key("message").String(message);
    json.Key("graphs").BeginArray();
    for (size_t i = 0; i < graphs_.size() && text.size() < kMaxDocument; ++i) {
      if (graphs_[i].origin != Origin::kRecorded) {  // its edges stand in the structure document
        json.Null();
        continue;
      }
      WriteGraph(json, graphs_[i], is_root_[i]);
    }
    json.EndArray().EndObject();
    return text;
  }

 private:
  static void WriteIndices(JsonWriter& json, const std::vector<Index>& indices) {
    json.BeginArray();
    for (Index index : indices) json.Uint(index);
    json.EndArray();
  }

  static void WriteArguments(JsonWriter& json, const std::vector<Argument>& arguments) {
    json.BeginArray();
    for (const Argument& argument : arguments) {
      json.BeginArray().String(argument.name);
      WriteIndices(json, argument.values);
      json.EndArray();
    }
    json.EndArray();
  }

  template <typename Rows, typename F>
  static void Column(JsonWriter& json, std::string_view key, const Rows& rows, const F& write) {
    json.Key(key).BeginArray();
    for (const auto& row : rows) write(row);
    json.EndArray();
  }

  void WriteGraph(JsonWriter& json, const Graph& graph, bool root) const {
    json.BeginObject();
    json.Key("name").String(graph.name);
    json.Key("origin").String(OriginName(graph.origin));
    json.Key("part").Int(OrMinusOne(graph.part));
    json.Key("root").Int(root ? 1 : 0);
    json.Key("inputs");
    WriteIndices(json, graph.inputs);
    json.Key("outputs");
    WriteIndices(json, graph.outputs);
    json.Key("values").BeginObject();
    Column(json, "name", graph.values, [&](const GraphValue& v) { json.String(Shortened(v.name)); });
    Column(json, "type", graph.values, [&](const GraphValue& v) { json.String(Shortened(v.type)); });
    Column(json, "tensor", graph.values, [&](const GraphValue& v) { json.Int(OrMinusOne(v.tensor)); });
    json.EndObject();
    json.Key("nodes").BeginObject();
    Column(json, "name", graph.nodes, [&](const Node& n) { json.String(Shortened(n.name)); });
    Column(json, "domain", graph.nodes, [&](const Node& n) { json.String(n.domain); });
    Column(json, "op", graph.nodes, [&](const Node& n) { json.String(Shortened(n.op)); });
    Column(json, "category", graph.nodes, [&](const Node& n) { json.String(OperatorCategory(n)); });
    Column(json, "module", graph.nodes, [&](const Node& n) { json.Int(ModuleOf(n)); });
    Column(json, "inputs", graph.nodes, [&](const Node& n) { WriteArguments(json, n.inputs); });
    Column(json, "outputs", graph.nodes, [&](const Node& n) { WriteArguments(json, n.outputs); });
    Column(json, "attributes", graph.nodes, [&](const Node& n) {
      json.BeginArray();
      for (const Attribute& attribute : n.attributes) {
        // One without a name goes by its place.
        const bool placed = attribute.name.empty() && attribute.position != kNone;
        json.BeginArray().String(placed ? "arg" + std::to_string(attribute.position) : attribute.name);
        json.String(Shortened(attribute.text)).EndArray();
      }
      json.EndArray();
    });
    Column(json, "blocks", graph.nodes, [&](const Node& n) { WriteIndices(json, n.blocks); });
    Column(json, "location", graph.nodes, [&](const Node& n) { json.String(Shortened(n.location)); });
    Column(json, "source", graph.nodes, [&](const Node& n) { json.String(Shortened(n.source)); });
    Column(json, "call", graph.nodes, [&](const Node& n) { json.Uint(n.call); });
    json.EndObject().EndObject();
  }

  int64_t ModuleOf(const Node& node) const { return node.module == kNone ? -1 : module_of_[node.module]; }

  std::span<const Graph> graphs_;
  std::vector<bool> is_root_;
  std::vector<int64_t> module_of_;  // the outline's module of each of the model's
};

}  // namespace

std::string GraphJson(const Model& model, std::span<const Graph> graphs, std::span<const Index> roots,
                      const Outline& outline, std::string_view state, std::string_view message) {
  return GraphDocument(model, graphs, roots, outline).Write(state, message);
}

}  // namespace pthview::server
