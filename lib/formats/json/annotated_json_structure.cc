// Modules and graphs of an annotated JSON document.
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/formats/json/annotated_json_tables.h"
#include "lib/model/graph_check.h"

namespace pthview {
namespace {

constexpr auto kOrigins = {Origin::kRecorded, Origin::kInferred};
constexpr auto kEvidenceKinds = {EvidenceKind::kClass, EvidenceKind::kPattern, EvidenceKind::kShapes};

Error Broken(std::string_view table, size_t row, std::string_view why) {
  return Error{ErrorCode::kCorrupt, fmt::format("{}[{}] {}", table, row, why)};
}

}  // namespace

std::vector<Attribute> AnnotatedJsonTables::ReadAttributes(JsonRow& row) {
  static const std::string kWhat = "an attribute";
  std::vector<Attribute> attributes;
  for (const nlohmann::json& object : row.Array("attributes")) {
    JsonRow item(object, kWhat);
    Attribute attribute{std::string(item.Text("name")), std::string(item.Text("text")),
                        item.Named<Origin>("origin", kOrigins, OriginName)};
    attribute.value = ReadTypedValue(item, object, "value");
    attribute.position = item.RowOf("position", kNone);
    attributes.push_back(std::move(attribute));
    if (!item.status()) row.Fail("attributes", "holds what is no attribute");
  }
  return attributes;
}

void AnnotatedJsonTables::ReadModule(JsonRow& row) {
  Arena& arena = builder_.arena();
  Module module{.name = arena.Copy(row.Text("name")),
                .path = arena.Copy(row.Text("path")),
                .class_name = arena.Copy(row.Text("class")),
                .origin = row.Named<Origin>("origin", kOrigins, OriginName),
                .parent = row.RowOf("parent", model_.modules.size()),
                .children = row.Rows("children", kNone),
                .tensors = row.Rows("tensors", model_.tensors.size()),
                .training = row.Maybe("training"),
                .source = arena.Copy(row.Text("source"))};
  Index same = row.RowOf("source_of", model_.modules.size());
  if (same != kNone) module.source = model_.modules[same].source;
  module.attributes = ReadAttributes(row);
  model_.modules.push_back(std::move(module));
}

std::vector<Argument> AnnotatedJsonTables::ReadArguments(JsonRow& row, const char* key, const Graph& graph) {
  static const std::string kWhat = "an argument";
  std::vector<Argument> arguments;
  for (const nlohmann::json& object : row.Array(key)) {
    JsonRow item(object, kWhat);
    arguments.push_back({std::string(item.Text("name")), item.Rows("values", graph.values.size()),
                         item.RowOf("evidence", graph.evidence.size()), item.RowOf("position", kNone)});
    if (!item.status()) row.Fail(key, "holds what is no argument");
  }
  return arguments;
}

void AnnotatedJsonTables::ReadNode(const nlohmann::json& object, const std::string& what, JsonRow& graph_row,
                                   Graph& graph) {
  JsonRow row(object, what);
  Node node{.name = std::string(row.Text("name")),
            .domain = std::string(row.Text("domain")),
            .op = std::string(row.Text("op")),
            .overload = std::string(row.Text("overload")),
            .module = row.RowOf("module", model_.modules.size()),
            .inputs = ReadArguments(row, "inputs", graph),
            .outputs = ReadArguments(row, "outputs", graph),
            .blocks = row.Rows("blocks", kNone),
            .location = std::string(row.Text("location")),
            .source = std::string(row.Text("source")),
            .call = static_cast<uint32_t>(std::min<uint64_t>(row.Uint("call"), UINT32_MAX))};
  node.attributes = ReadAttributes(row);
  if (!row.status()) graph_row.Fail("nodes", row.status().error().message);
  graph.nodes.push_back(std::move(node));
}

void AnnotatedJsonTables::ReadGraph(JsonRow& row) {
  Graph graph{.name = std::string(row.Text("name")),
              .origin = row.Named<Origin>("origin", kOrigins, OriginName),
              .part = row.RowOf("part", model_.parts.size())};
  static const std::string kWhat = "a value";
  for (const nlohmann::json& object : row.Array("values")) {
    JsonRow item(object, kWhat);
    graph.values.push_back({std::string(item.Text("name")), std::string(item.Text("type")),
                            item.RowOf("tensor", model_.tensors.size()), ReadType(item, object, "value_type")});
    if (!item.status()) row.Fail("values", "holds what is no value");
  }
  graph.inputs = row.Rows("inputs", graph.values.size());
  graph.outputs = row.Rows("outputs", graph.values.size());
  static const std::string kEvidence = "evidence";
  for (const nlohmann::json& object : row.Array("evidence")) {
    JsonRow item(object, kEvidence);
    graph.evidence.push_back(
        {item.Named<EvidenceKind>("kind", kEvidenceKinds, EvidenceName), std::string(item.Text("text"))});
    if (!item.status()) row.Fail("evidence", "holds what is no evidence");
  }
  for (const nlohmann::json& object : row.Array("nodes")) {
    ReadNode(object, fmt::format("node {}", graph.nodes.size()), row, graph);
  }
  ReadSymbols(row, graph);
  model_.graphs.push_back(std::move(graph));
}

Status AnnotatedJsonTables::ReadGraphRoots(const nlohmann::json& list) {
  static const std::string kWhat = "the document";
  nlohmann::json object = {{"graph_roots", list}};
  JsonRow row(object, kWhat);
  model_.graph_roots = row.Rows("graph_roots", model_.graphs.size());
  return row.status();
}

Status AnnotatedJsonTables::CheckStructure() {
  PTHVIEW_TRY(CheckModules());
  return CheckGraphs();
}

Status AnnotatedJsonTables::CheckModules() const {
  const std::vector<Module>& modules = model_.modules;
  std::vector<bool> listed(modules.size());
  for (size_t i = 0; i < modules.size(); ++i) {
    for (Index child : modules[i].children) {
      // A parent stands before its child, so the parent that the child names makes the two agree.
      if (child >= modules.size() || modules[child].parent != i || listed[child]) {
        return Broken("modules", i, "has a child that is not its own");
      }
      listed[child] = true;
    }
  }
  for (size_t i = 0; i < modules.size(); ++i) {
    if (!listed[i] && modules[i].parent != kNone) return Broken("modules", i, "is not among its parent's children");
  }
  std::vector<bool> is_root(modules.size());
  for (size_t i = 0; i < model_.parts.size(); ++i) {
    Index root = model_.parts[i].root;
    if (root == kNone) continue;
    if (root >= modules.size() || modules[root].parent != kNone || is_root[root]) {
      return Broken("parts", i, "has no module tree of its own at its root");
    }
    is_root[root] = true;
  }
  return Ok();
}

Status AnnotatedJsonTables::CheckGraphs() const {
  auto broken = pthview::CheckGraphs(model_);
  return broken ? Status(Broken("graphs", broken->graph, "cannot be: " + broken->text)) : Ok();
}

}  // namespace pthview
