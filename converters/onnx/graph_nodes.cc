#include "converters/onnx/graph_nodes.h"

#include <utility>

#include <fmt/format.h>

#include "converters/onnx/wire.h"

namespace pthview {
namespace {

using pthview_onnx::GraphProto;
using pthview_onnx::NodeProto;
using pthview_onnx::ValueInfoProto;

constexpr char kAssumed[] = "assumed: the file does not record what goes in and out";

}  // namespace

GraphNodes::Frame GraphNodes::Open(const Graph& graph, std::string prefix) const {
  std::vector<bool> used(graph.values.size());
  for (Index value : graph.outputs) used[value] = true;
  for (const Node& node : graph.nodes) {
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) used[value] = true;
    }
  }
  return {graph,
          std::move(prefix),
          std::vector<std::string>(graph.values.size()),
          std::vector<std::string>(graph.values.size()),
          0,
          ChannelsOf(graph),
          std::move(used)};
}

void GraphNodes::Add(const Graph& graph) {
  bool has_weights = false;
  bool any = false;
  for (size_t i = 0; i < model_.tensors.size() && !any; ++i) {
    if (model_.tensors[i].part != graph.part) continue;
    has_weights = true;
    any = initializers_.Selected(static_cast<Index>(i));
  }
  if ((has_weights && !any) || graph.nodes.empty()) return;

  std::vector<Frame> stack;
  stack.push_back(Open(graph, ""));
  for (Index input : graph.inputs) {
    std::string& name = stack.back().names[input];
    name = Port(graph, "input", true);
    open_inputs_.emplace(name, frame_.input_size());
    ValueInfoProto& info = *frame_.add_input();
    info.set_name(name);
    info.set_doc_string(kAssumed);
    DescribeUnknown(info);
  }
  if (!graph.outputs.empty()) stack.back().wanted[graph.outputs[0]] = Port(graph, "output", false);
  for (;;) {
    Frame& frame = stack.back();
    if (frame.next < frame.graph.nodes.size()) {
      const Node& node = frame.graph.nodes[frame.next];
      if (node.blocks.size() == 1) {
        stack.push_back(Enter(frame, node));
      } else {
        AddNode(node, frame);
        ++frame.next;
      }
    } else if (stack.size() > 1) {
      Frame inner = std::move(stack.back());
      stack.pop_back();
      Leave(inner, stack.back());
    } else {
      break;
    }
  }
  if (graph.outputs.empty()) return;
  const std::string& output = stack.back().names[graph.outputs[0]];
  if (output.empty()) return;
  ValueInfoProto& info = *frame_.add_output();
  info.set_name(output);
  info.set_doc_string(kAssumed);
  DescribeOutput(types_.Of(output), info);
}

// The body takes the node's place: its inputs are the node's.
GraphNodes::Frame GraphNodes::Enter(const Frame& outer, const Node& node) const {
  const Graph& body = model_.graphs[node.blocks[0]];
  Frame inner = Open(body, body.name);
  size_t port = 0;
  for (const Argument& argument : node.inputs) {
    for (Index value : argument.values) {
      if (outer.graph.values[value].tensor != kNone || port >= body.inputs.size()) continue;
      inner.names[body.inputs[port++]] = outer.names[value];
    }
  }
  port = 0;
  for (const Argument& argument : node.outputs) {
    for (Index value : argument.values) {
      if (port < body.outputs.size()) inner.wanted[body.outputs[port++]] = outer.wanted[value];
    }
  }
  return inner;
}

// And its outputs become the node's.
void GraphNodes::Leave(const Frame& inner, Frame& outer) const {
  size_t port = 0;
  for (const Argument& argument : outer.graph.nodes[outer.next].outputs) {
    for (Index value : argument.values) {
      if (port < inner.graph.outputs.size()) outer.names[value] = inner.names[inner.graph.outputs[port++]];
    }
  }
  ++outer.next;
}

// "input", or for a second part "ema.input".
std::string GraphNodes::Port(const Graph& graph, std::string_view name, bool input) {
  bool first = input ? frame_.input_size() == 0 : frame_.output_size() == 0;
  if (first || graph.part == kNone || model_.parts[graph.part].path.empty()) return values_.Claim(name);
  return values_.Claim(fmt::format("{}.{}", ValidUtf8(model_.parts[graph.part].path), name));
}

// Layers of which no weight is selected are not drawn.
bool GraphNodes::PassedBy(const Node& node, const Graph& graph) const {
  bool has_weights = false;
  for (const Argument& argument : node.inputs) {
    for (Index value : argument.values) {
      if (graph.values[value].tensor == kNone) continue;
      if (initializers_.Selected(graph.values[value].tensor)) return false;
      has_weights = true;
    }
  }
  return has_weights;
}

std::string GraphNodes::NodeName(const Node& node, const Frame& frame) {
  const bool layer = node.module != kNone && !node.op.starts_with('~') && node.op != kParameter;
  std::string name(layer ? model_.modules[node.module].path : "");
  if (name.empty()) name = frame.prefix.empty() ? node.name : frame.prefix + "." + node.name;
  name = ValidUtf8(name);
  if (nodes_.TryClaim(name)) return name;
  std::string_view part = frame.graph.part == kNone ? "" : model_.parts[frame.graph.part].path;
  return nodes_.Claim(part.empty() ? name : fmt::format("{}.{}", ValidUtf8(part), name));
}

void GraphNodes::Append(const NodeProto& proto) {
  AppendFieldHead(wire_, GraphProto::kNodeFieldNumber, proto.ByteSizeLong());
  proto.AppendToString(&wire_);
  ++count_;
  has_own_ = has_own_ || proto.domain() == kNodeDomain;
}

void GraphNodes::AddNode(const Node& node, Frame& frame) {
  if (PassedBy(node, frame.graph)) {
    std::string before;
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) {
        if (before.empty()) before = frame.names[value];
      }
    }
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) frame.names[value] = before;
    }
    return;
  }
  NodeProto proto;
  proto.set_name(NodeName(node, frame));
  ValueFacts facts;
  if (auto made = OperatorFor(node, frame)) {
    facts = FillStandard(*made, frame, proto);
  } else {
    FillOwn(node, frame, proto);
  }
  for (const Argument& argument : node.outputs) {
    for (Index value : argument.values) {
      std::string& name = frame.names[value];
      name = frame.wanted[value].empty() ? values_.Claim(proto.name() + ".output") : frame.wanted[value];
      types_.Set(name, facts);
      proto.add_output(name);
    }
  }
  Describe(node, frame, proto);
  Append(proto);
}

void GraphNodes::Finish() {
  if (count_ == 0 || has_own_) return;
  NodeProto proto;
  proto.set_name(nodes_.Claim("for viewing"));
  proto.set_op_type("ForViewing");
  proto.set_domain(kNodeDomain);
  proto.add_output(values_.Claim("for viewing"));
  proto.set_doc_string("This model is inferred and cannot be run; no runtime has this operator.");
  Append(proto);
}

}  // namespace pthview
