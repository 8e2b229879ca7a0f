#include "converters/onnx/graph_nodes.h"

#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "converters/onnx/attributes.h"
#include "converters/onnx/wire.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

using pthview_onnx::GraphProto;
using pthview_onnx::NodeProto;
using pthview_onnx::TensorProto;
using pthview_onnx::ValueInfoProto;

// The checker wants a shape; one dimension of this name stands for what is not known.
constexpr char kUnknownShape[] = "...";

void SetValueInfo(std::string name, ValueInfoProto& info) {
  info.set_name(std::move(name));
  info.set_doc_string("assumed: the file does not record what goes in and out");
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param(kUnknownShape);
}

void SetAttributes(const Node& node, NodeProto& proto) {
  std::unordered_set<std::string, TextHash> names;
  for (const Attribute& attribute : node.attributes) {
    std::string name = ValidUtf8(attribute.name);
    if (name.empty() || !names.insert(name).second) continue;
    auto& to = *proto.add_attribute();
    to.set_name(std::move(name));
    SetFromPythonText(attribute.text, to);
  }
}

}  // namespace

// One graph on the way from the root to the node that is being added.
struct GraphNodes::Frame {
  const Graph& graph;
  std::string prefix;               // path of the module whose body this is
  std::vector<std::string> names;   // of its values, as far as they are known
  std::vector<std::string> wanted;  // names that values must get
  size_t next = 0;                  // node
};

GraphNodes::Frame GraphNodes::Open(const Graph& graph, std::string prefix) const {
  return {graph, std::move(prefix), std::vector<std::string>(graph.values.size()),
          std::vector<std::string>(graph.values.size())};
}

void GraphNodes::Add(const Graph& graph) {
  bool any = false;
  for (size_t i = 0; i < model_.tensors.size() && !any; ++i) {
    any = model_.tensors[i].part == graph.part && initializers_.Selected(static_cast<Index>(i));
  }
  if (!any || graph.nodes.empty()) return;

  std::vector<Frame> stack;
  stack.push_back(Open(graph, ""));
  for (Index input : graph.inputs) {
    std::string& name = stack.back().names[input];
    name = Port(graph, "input", true);
    SetValueInfo(name, *frame_.add_input());
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
  if (!output.empty()) SetValueInfo(output, *frame_.add_output());
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
  std::string name(node.module != kNone ? model_.modules[node.module].path : "");
  if (name.empty()) name = frame.prefix.empty() ? node.name : frame.prefix + "." + node.name;
  name = ValidUtf8(name);
  if (nodes_.TryClaim(name)) return name;
  std::string_view part = frame.graph.part == kNone ? "" : model_.parts[frame.graph.part].path;
  return nodes_.Claim(part.empty() ? name : fmt::format("{}.{}", ValidUtf8(part), name));
}

void GraphNodes::AddInputs(const std::vector<Index>& values, const Frame& frame, NodeProto& proto) const {
  for (Index value : values) {
    Index tensor = frame.graph.values[value].tensor;
    if (tensor != kNone) {
      for (const Initializer& weight : initializers_.Of(tensor)) proto.add_input(weight.name);
    } else if (!frame.names[value].empty()) {
      proto.add_input(frame.names[value]);
    }
  }
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
  proto.set_op_type(node.op.empty() ? "Module" : ValidUtf8(node.op));
  proto.set_domain(kNodeDomain);
  for (const Argument& argument : node.inputs) AddInputs(argument.values, frame, proto);
  for (const Argument& argument : node.outputs) {
    for (Index value : argument.values) {
      std::string& name = frame.names[value];
      name = frame.wanted[value].empty() ? values_.Claim(proto.name() + ".output") : frame.wanted[value];
      proto.add_output(name);
    }
  }
  SetAttributes(node, proto);
  std::string why;
  for (const Argument& argument : node.inputs) {
    if (argument.evidence == kNone) continue;
    const Evidence& evidence = frame.graph.evidence[argument.evidence];
    why += fmt::format("{}{}: {} ({})", why.empty() ? "" : "; ", argument.name, EvidenceName(evidence.kind),
                       evidence.text);
  }
  if (!why.empty()) {
    auto& entry = *proto.add_metadata_props();
    entry.set_key("pthview.evidence");
    entry.set_value(ValidUtf8(why));
  }
  if (node.module != kNone) {
    const Module& module = model_.modules[node.module];
    proto.set_doc_string(module.class_name.empty()
                             ? "the class is not known"
                             : fmt::format("{} ({})", ValidUtf8(module.class_name), OriginName(module.origin)));
  }
  AppendFieldHead(wire_, GraphProto::kNodeFieldNumber, proto.ByteSizeLong());
  proto.AppendToString(&wire_);
  ++count_;
}

}  // namespace pthview
