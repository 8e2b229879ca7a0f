#include "tools/cli/info_graphs.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "lib/analysis/graphs/summary.h"
#include "lib/base/escape.h"
#include "tools/cli/console.h"

namespace pthview {
namespace {

constexpr size_t kMostOperators = 8;
constexpr size_t kMostPorts = 6;

std::string Ports(const std::vector<GraphPort>& ports) {
  std::string text;
  for (size_t i = 0; i < std::min(ports.size(), kMostPorts); ++i) {
    if (i > 0) text += ", ";
    text += EscapeForTerminal(ports[i].name);
    if (!ports[i].type.empty()) text += " " + EscapeForTerminal(ports[i].type);
  }
  if (ports.size() > kMostPorts) text += fmt::format(", {} more", ports.size() - kMostPorts);
  return text.empty() ? "nothing" : text;
}

void WritePorts(JsonWriter& json, std::string_view key, const std::vector<GraphPort>& ports) {
  json.Key(key).BeginArray();
  for (const GraphPort& port : ports) {
    json.BeginObject().Key("name").String(port.name).Key("type").String(port.type).EndObject();
  }
  json.EndArray();
}

}  // namespace

std::vector<std::string> GraphLines(const Model& model) {
  std::vector<std::string> lines;
  for (Index root : model.graph_roots) {
    const Graph& graph = model.graphs[root];
    if (graph.origin != Origin::kRecorded) continue;
    const GraphSummary summary = SummarizeGraph(model, graph);
    std::string text = fmt::format("{}: {} operator{}", EscapeForTerminal(graph.name), WithCommas(summary.nodes),
                                   summary.nodes == 1 ? "" : "s");
    const size_t shown = std::min(summary.operators.size(), kMostOperators);
    for (size_t i = 0; i < shown; ++i) {
      text += fmt::format("{}{} ({})", i == 0 ? ": " : ", ", EscapeForTerminal(summary.operators[i].name),
                          WithCommas(summary.operators[i].count));
    }
    if (summary.operators.size() > shown) text += fmt::format(", {} more kinds", summary.operators.size() - shown);
    text += fmt::format("; {} -> {}", Ports(summary.inputs), Ports(summary.outputs));
    lines.push_back(std::move(text));
  }
  return lines;
}

void WriteGraphFacts(JsonWriter& json, const Model& model) {
  json.BeginArray();
  for (Index root : model.graph_roots) {
    const Graph& graph = model.graphs[root];
    if (graph.origin != Origin::kRecorded) continue;
    const GraphSummary summary = SummarizeGraph(model, graph);
    json.BeginObject().Key("name").String(graph.name);
    json.Key("part").String(graph.part == kNone ? std::string_view() : model.parts[graph.part].path);
    json.Key("nodes").Uint(summary.nodes).Key("bodies").Uint(summary.bodies);
    json.Key("operators").BeginArray();
    for (const OperatorCount& each : summary.operators) {
      json.BeginObject().Key("name").String(each.name).Key("count").Uint(each.count).EndObject();
    }
    json.EndArray();
    WritePorts(json, "inputs", summary.inputs);
    WritePorts(json, "outputs", summary.outputs);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace pthview
