#include "plugins/host/reply_graph.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/model/graph_check.h"
#include "plugins/host/reply_types.h"

namespace pthview::plugins {
namespace {

namespace proto = ::pthview::plugin::v1;

class GraphReader {
 public:
  GraphReader(const proto::Model& reply, const ReplyRows& rows, const Model& model)
      : reply_(reply), rows_(rows), model_(model), tensors_(static_cast<size_t>(reply.tensors_size()), kNone) {
    for (size_t i = 0; i < tensors_.size(); ++i) tensors_[i] = rows.tensor(static_cast<Index>(i));
  }

  std::vector<Graph> graphs;
  std::vector<Index> roots;
  std::string broken;  // the rule that does not hold; empty: all do

  Status Read() {
    for (const proto::Graph& graph : reply_.graphs()) PTHVIEW_TRY(ReadGraph(graph));
    FindRoots();
    for (Index root : roots) CheckClosed(graphs[root]);
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
      to.push_back({.name = EscapeName(argument.name()), .values = {}});
      if (argument.has_position()) to.back().position = argument.position();
      PTHVIEW_TRY(CopyIndices(argument.values(), values, "value", to.back().values));
    }
    return Ok();
  }

  // The reply's tensors in a value become the model's.
  Status FindTensors(AttributeValue& value) {  // NOLINT(misc-no-recursion): kDeepestAttribute at most
    if (auto* tensor = std::get_if<TensorValue>(&value.of)) {
      if (tensor->tensor >= tensors_.size()) return OutOfRange("tensor", tensor->tensor, tensors_.size());
      tensor->tensor = tensors_[tensor->tensor];
    } else if (auto* list = std::get_if<ListValue>(&value.of)) {
      for (AttributeValue& item : list->items) PTHVIEW_TRY(FindTensors(item));
    } else if (auto* dict = std::get_if<DictValue>(&value.of)) {
      for (AttributeValue& item : dict->items) PTHVIEW_TRY(FindTensors(item));
    }
    return Ok();
  }

  Status ReadGraph(const proto::Graph& from) {
    Graph graph{.name = EscapeName(from.name()), .part = from.part()};
    if (from.part() >= model_.parts.size()) return OutOfRange("part", from.part(), model_.parts.size());
    for (const proto::Value& value : from.values()) {
      GraphValue row{.name = EscapeName(value.name()), .type = EscapeName(value.type())};
      if (value.has_tensor()) {
        if (value.tensor() >= tensors_.size()) return OutOfRange("tensor", value.tensor(), tensors_.size());
        row.tensor = tensors_[value.tensor()];
        if (row.tensor == kNone) {
          graph.values.emplace_back();
          continue;
        }
      }
      if (value.has_value_type()) {
        PTHVIEW_ASSIGN(row.value_type, ReadType(value.value_type()));
        if (row.type.empty()) row.type = TypeText(row.value_type);
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
               .module = node.module().empty() ? kNone : rows_.module(from.part(), EscapeName(node.module())),
               .location = EscapeName(node.location()),
               .source = EscapeName(node.source()),
               .call = node.call()};
      PTHVIEW_TRY(CopyArguments(node.inputs(), values, row.inputs));
      PTHVIEW_TRY(CopyArguments(node.outputs(), values, row.outputs));
      for (const proto::Attribute& attribute : node.attributes()) {
        PTHVIEW_ASSIGN(Attribute read, ReadAttribute(attribute));
        PTHVIEW_TRY(FindTensors(read.value));
        row.attributes.push_back(std::move(read));
      }
      PTHVIEW_TRY(CopyIndices(node.blocks(), static_cast<uint64_t>(reply_.graphs_size()), "graph", row.blocks));
      graph.nodes.push_back(std::move(row));
    }
    for (const proto::Symbol& symbol : from.symbols()) {
      SymbolRange& range = graph.symbols.emplace_back();
      range.name = EscapeName(symbol.name());
      if (symbol.has_low()) range.low = symbol.low();
      if (symbol.has_high()) range.high = symbol.high();
    }
    for (const proto::Mutation& mutation : from.mutations()) {
      if (mutation.has_tensor() && mutation.tensor() >= tensors_.size()) {
        return OutOfRange("tensor", mutation.tensor(), tensors_.size());
      }
      graph.mutations.push_back({mutation.value(), mutation.has_tensor() ? tensors_[mutation.tensor()] : kNone,
                                 mutation.has_input() ? mutation.input() : kNone});
    }
    graphs.push_back(std::move(graph));
    return Ok();
  }

  // What no node has as a block.
  void FindRoots() {
    std::vector<bool> is_block(graphs.size());
    for (const Graph& graph : graphs) {
      for (const Node& node : graph.nodes) {
        for (Index block : node.blocks) is_block[block] = true;
      }
    }
    for (size_t i = 0; i < graphs.size(); ++i) {
      if (is_block[i]) continue;
      if (roots.size() != i) Break("a graph stands behind a block");
      roots.push_back(static_cast<Index>(i));
    }
  }

  // There is no graph around a root: what it uses is made in it, or a weight.
  void CheckClosed(const Graph& graph) {
    std::vector<bool> made(graph.values.size());
    auto usable = [&](Index value) {
      return made[value] || graph.values[value].name.empty() || graph.values[value].tensor != kNone;
    };
    auto make = [&](Index value) {
      if (graph.values[value].tensor != kNone) Break("a graph makes a weight, or has it as an input");
      made[value] = true;
    };
    for (Index value : graph.inputs) {
      if (graph.values[value].name.empty()) Break("a graph has an input without a name");
      make(value);
    }
    for (const Node& node : graph.nodes) {
      for (const Argument& argument : node.inputs) {
        for (Index value : argument.values) {
          if (!usable(value)) Break("a node uses a value before it is made");
        }
      }
      for (const Argument& argument : node.outputs) {
        for (Index value : argument.values) {
          if (!graph.values[value].name.empty()) make(value);
        }
      }
    }
    for (Index value : graph.outputs) {
      if (!usable(value)) Break("a graph returns a value that nothing makes");
    }
  }

  void Break(std::string_view rule) {
    if (broken.empty()) broken = rule;
  }

  const proto::Model& reply_;
  const ReplyRows& rows_;
  const Model& model_;
  std::vector<Index> tensors_;  // the model's, by the reply's
};

}  // namespace

Status ReadGraphs(const proto::Model& reply, const ReplyRows& rows, Model& model, Findings& findings) {
  if (reply.graphs().empty()) return Ok();
  GraphReader reader(reply, rows, model);
  PTHVIEW_TRY(reader.Read());
  model.graphs = std::move(reader.graphs);
  model.graph_roots = std::move(reader.roots);
  if (reader.broken.empty()) {
    auto broken = CheckGraphs(model);
    if (!broken) return Ok();
    reader.broken = broken->text;
  }
  findings.Add(Severity::kWarning, "graph-invalid", "",
               fmt::format("the plug-in's graphs are left out: {}", reader.broken));
  model.graphs.clear();
  model.graph_roots.clear();
  return Ok();
}

}  // namespace pthview::plugins
