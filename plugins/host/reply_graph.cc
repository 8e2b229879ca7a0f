#include "plugins/host/reply_graph.h"

#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"

namespace pthview::plugins {
namespace {

namespace proto = ::pthview::plugin::v1;

constexpr int kDeepestBlock = 100;

class GraphReader {
 public:
  GraphReader(const proto::Model& reply, const ModuleLookup& module_at, const Model& model)
      : reply_(reply), module_at_(module_at), model_(model), around_(reply.graphs_size(), kNone) {}

  std::vector<Graph> graphs;
  std::vector<Index> roots;
  std::string broken;  // the rule that does not hold; empty: all do

  Status Read() {
    for (const proto::Graph& graph : reply_.graphs()) PTHVIEW_TRY(ReadGraph(graph));
    CheckBlocks();
    for (size_t i = 0; i < graphs.size() && broken.empty(); ++i) CheckSsa(graphs[i], around_[i] != kNone);
    return Ok();
  }

 private:
  static Error OutOfRange(std::string_view what, uint64_t index, uint64_t count) {
    return Error{.code = ErrorCode::kCorrupt,
                 .message = fmt::format("a graph speaks of {} {}, of which there are {}", what, index, count)};
  }

  template <typename From>
  Status CopyIndices(const From& from, uint64_t count, std::string_view what, std::vector<Index>& to) {
    for (uint32_t index : from) {
      if (index >= count) return OutOfRange(what, index, count);
      to.push_back(index);
    }
    return Ok();
  }

  template <typename From>
  Status CopyArguments(const From& from, uint64_t values, std::vector<Argument>& to) {
    for (const proto::Argument& argument : from) {
      to.push_back({EscapeName(argument.name()), {}});
      PTHVIEW_TRY(CopyIndices(argument.values(), values, "value", to.back().values));
    }
    return Ok();
  }

  Status ReadGraph(const proto::Graph& from) {
    Graph graph{.name = EscapeName(from.name()), .part = from.part()};
    if (from.part() >= model_.parts.size()) return OutOfRange("part", from.part(), model_.parts.size());
    for (const proto::Value& value : from.values()) {
      GraphValue row{.name = EscapeName(value.name()), .type = EscapeName(value.type())};
      if (value.has_tensor()) {
        if (value.tensor() >= model_.tensors.size()) return OutOfRange("tensor", value.tensor(), model_.tensors.size());
        row.tensor = value.tensor();
      }
      graph.values.push_back(std::move(row));
    }
    uint64_t values = graph.values.size();
    PTHVIEW_TRY(CopyIndices(from.inputs(), values, "value", graph.inputs));
    PTHVIEW_TRY(CopyIndices(from.outputs(), values, "value", graph.outputs));
    for (const proto::Node& node : from.nodes()) {
      Node row{.name = EscapeName(node.name()),
               .domain = EscapeName(node.domain()),
               .op = EscapeName(node.op()),
               .overload = EscapeName(node.overload()),
               .module = node.module().empty() ? kNone : module_at_(from.part(), EscapeName(node.module())),
               .location = EscapeName(node.location())};
      PTHVIEW_TRY(CopyArguments(node.inputs(), values, row.inputs));
      PTHVIEW_TRY(CopyArguments(node.outputs(), values, row.outputs));
      for (const proto::Attribute& attribute : node.attributes()) {
        row.attributes.push_back({EscapeName(attribute.name()), EscapeName(attribute.text())});
      }
      PTHVIEW_TRY(CopyIndices(node.blocks(), static_cast<uint64_t>(reply_.graphs_size()), "graph", row.blocks));
      graph.nodes.push_back(std::move(row));
    }
    graphs.push_back(std::move(graph));
    return Ok();
  }

  // Each block belongs to one node, of a graph before it; so they nest, and none contains itself.
  void CheckBlocks() {
    std::vector<int> depth(graphs.size(), 0);
    for (size_t i = 0; i < graphs.size(); ++i) {
      for (const Node& node : graphs[i].nodes) {
        for (Index block : node.blocks) {
          if (block <= i || around_[block] != kNone) return Break("a block stands in two places, or before its graph");
          around_[block] = static_cast<Index>(i);
          depth[block] = depth[i] + 1;
          if (depth[block] > kDeepestBlock) return Break(fmt::format("blocks nest more than {} deep", kDeepestBlock));
        }
      }
    }
    bool block_seen = false;
    for (size_t i = 0; i < graphs.size(); ++i) {
      if (around_[i] != kNone) {
        block_seen = true;
      } else if (block_seen) {
        return Break("a graph stands behind a block");
      } else {
        roots.push_back(static_cast<Index>(i));
      }
    }
  }

  void CheckSsa(const Graph& graph, bool is_block) {
    std::unordered_set<std::string_view, TextHash> names;
    for (const GraphValue& value : graph.values) {
      if (!value.name.empty() && !names.insert(value.name).second) return Break("two values have one name");
    }
    std::vector<uint8_t> made(graph.values.size(), 0);
    auto make = [&](Index value) {
      bool fresh = made[value] == 0 && graph.values[value].tensor == kNone && !graph.values[value].name.empty();
      made[value] = 1;
      return fresh;
    };
    // In a block, what nothing in it makes comes from outside: that is settled once all nodes are known.
    std::vector<uint8_t> inside(graph.values.size(), 0);
    for (const Node& node : graph.nodes) {
      for (const Argument& argument : node.outputs) {
        for (Index value : argument.values) inside[value] = 1;
      }
    }
    auto usable = [&](Index value) {
      const GraphValue& row = graph.values[value];
      return made[value] != 0 || row.name.empty() || row.tensor != kNone || (is_block && inside[value] == 0);
    };
    for (Index value : graph.inputs) {
      if (!make(value)) return Break("a graph has an input twice, or one that is a weight or has no name");
    }
    names.clear();
    for (const Node& node : graph.nodes) {
      if (!node.name.empty() && !names.insert(node.name).second) return Break("two nodes have one name");
      for (const Argument& argument : node.inputs) {
        for (Index value : argument.values) {
          if (!usable(value)) return Break("a node uses a value before it is made");
        }
      }
      for (const Argument& argument : node.outputs) {
        for (Index value : argument.values) {
          if (!graph.values[value].name.empty() && !make(value)) return Break("a value is made twice");
        }
      }
    }
    for (Index value : graph.outputs) {
      if (!usable(value)) return Break("a graph returns a value that nothing makes");
    }
  }

  void Break(std::string_view rule) {
    if (broken.empty()) broken = rule;
  }

  const proto::Model& reply_;
  const ModuleLookup& module_at_;
  const Model& model_;
  std::vector<Index> around_;  // by graph: the one that it is a block of
};

}  // namespace

Status ReadGraphs(const proto::Model& reply, const ModuleLookup& module_at, ModelBuilder& builder) {
  if (reply.graphs().empty()) return Ok();
  GraphReader reader(reply, module_at, builder.model());
  PTHVIEW_TRY(reader.Read());
  if (!reader.broken.empty()) {
    builder.Note(Severity::kWarning, "graph-invalid", "",
                 fmt::format("the plug-in's graphs are left out: {}", reader.broken));
    return Ok();
  }
  builder.model().graphs = std::move(reader.graphs);
  builder.model().graph_roots = std::move(reader.roots);
  return Ok();
}

}  // namespace pthview::plugins
