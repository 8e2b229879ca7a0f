#include "converters/onnx/graph_nodes.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "converters/onnx/attributes.h"
#include "converters/onnx/layer_operators.h"
#include "converters/onnx/node_metadata.h"
#include "converters/onnx/wire.h"

namespace pthview {
namespace {

using pthview_onnx::AttributeProto;
using pthview_onnx::GraphProto;
using pthview_onnx::NodeProto;
using pthview_onnx::ValueInfoProto;

constexpr char kAssumed[] = "assumed: the file does not record what goes in and out";
constexpr std::string_view kParameter = "Parameter";  // what lib/analysis/structure calls a tensor beside layers
constexpr char kNotRecorded[] = "the file does not say what feeds this layer";

// A layer's settings under torch's names; what begins with an underscore is torch's own business.
void SetAttributes(const Node& node, NodeProto& proto) {
  std::unordered_set<std::string, TextHash> names;
  for (const Attribute& attribute : node.attributes) {
    std::string name = ValidUtf8(attribute.name);
    if (name.empty() || name.starts_with('_') || !names.insert(name).second) continue;
    auto& to = *proto.add_attribute();
    to.set_name(std::move(name));
    SetFromPythonText(attribute.text, to);
  }
}

std::string Joined(const auto& names) {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace

// One graph on the way from the root to the node that is being added.
struct GraphNodes::Frame {
  const Graph& graph;
  std::string prefix;               // path of the module whose body this is
  std::vector<std::string> names;   // of its values, as far as they are known
  std::vector<std::string> wanted;  // names that values must get
  size_t next = 0;                  // node
  std::vector<Channels> channels;   // of its values
  std::vector<bool> used;           // values that a node takes, or the graph gives
};

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

// ONNX's operator for a node, if there is one. A layer without weights that is joined to nothing is but a name, and
// stays one.
std::optional<LayerOperator> GraphNodes::OperatorFor(const Node& node, const Frame& frame) const {
  if (node.op.starts_with('~')) return JoinOf(model_, frame.graph, node, frame.channels, newest_);
  std::optional<LayerOperator> made = OperatorOf(initializers_, model_, frame.graph, node, newest_);
  if (!made || made->weight != nullptr) return made;
  auto joined = [&](const std::vector<Argument>& arguments, const auto& is) {
    return std::any_of(arguments.begin(), arguments.end(), [&](const Argument& argument) {
      return std::any_of(argument.values.begin(), argument.values.end(), is);
    });
  };
  const bool given = joined(node.inputs, [&](Index value) { return !frame.names[value].empty(); });
  const bool taken = joined(node.outputs, [&](Index value) { return frame.used[value]; });
  return given || taken ? std::move(made) : std::nullopt;
}

// A value of which only is known that this node takes it: an input of the graph.
std::string GraphNodes::InputOfOwn(const NodeProto& proto) {
  std::string name = values_.Claim(proto.name() + ".input");
  open_inputs_.emplace(name, frame_.input_size());
  ValueInfoProto& info = *frame_.add_input();
  info.set_name(name);
  info.set_doc_string(kNotRecorded);
  DescribeUnknown(info);
  return name;
}

std::string GraphNodes::Constant(const OperatorInput& input, const std::string& node) {
  NodeProto proto;
  proto.set_name(nodes_.Claim(fmt::format("{}.{}", node, input.name)));
  proto.set_op_type("Constant");
  proto.add_output(values_.Claim(proto.name()));
  auto& value = *proto.add_attribute();
  value.set_name("value");
  value.set_type(AttributeProto::TENSOR);
  *value.mutable_t() = input.constant;
  Append(proto);
  return proto.output(0);
}

ValueFacts GraphNodes::FillStandard(const LayerOperator& made, const Frame& frame, NodeProto& proto) {
  proto.set_op_type(std::string(made.op));
  ValueFacts facts;
  bool first = true;
  for (const OperatorInput& input : made.inputs) {
    if (input.kind == OperatorInput::Kind::kTensor) proto.add_input(input.initializer);
    if (input.kind == OperatorInput::Kind::kAbsent) proto.add_input("");
    if (input.kind == OperatorInput::Kind::kConstant) proto.add_input(Constant(input, proto.name()));
    if (input.kind != OperatorInput::Kind::kData) continue;
    std::string name = input.value == kNone ? "" : frame.names[input.value];
    if (name.empty()) name = InputOfOwn(proto);
    if (auto open = open_inputs_.find(name); open != open_inputs_.end() && made.weight != nullptr) {
      types_.Set(name, DescribeInput(made, *frame_.mutable_input(open->second)));
      open_inputs_.erase(open);
    }
    const ValueFacts given = types_.Of(name);
    if (first || given.rank < 0 || facts.rank < 0) {
      facts.rank = first ? given.rank : -1;
    } else {
      facts.rank = std::max(facts.rank, given.rank);
    }
    if (first) facts.type = given.type;
    first = false;
    proto.add_input(std::move(name));
  }
  for (const AttributeProto& attribute : made.attributes) *proto.add_attribute() = attribute;
  SetProperty(proto, "pthview.unknown", Joined(made.unknown));
  SetProperty(proto, "pthview.unused", Joined(made.unused));
  opset_ = std::max(opset_, made.since);
  return ResultOf(made, facts);
}

void GraphNodes::FillOwn(const Node& node, const Frame& frame, NodeProto& proto) const {
  proto.set_op_type(node.op.empty() ? "Module" : OperationName(ValidUtf8(node.op)));
  proto.set_domain(kNodeDomain);
  std::vector<std::string> names;
  for (const Argument& argument : node.inputs) {
    for (Index value : argument.values) {
      const Index tensor = frame.graph.values[value].tensor;
      if (tensor != kNone) {
        for (const Initializer& weight : initializers_.Of(tensor)) proto.add_input(weight.name);
      } else if (!frame.names[value].empty()) {
        proto.add_input(frame.names[value]);
      }
      names.resize(static_cast<size_t>(proto.input_size()), ValidUtf8(argument.name));
    }
  }
  SetAttributes(node, proto);
  SetInputNames(names, proto);
}

// What stands beside the operator: why it is given what it is given, where it stands, what it is in torch.
void GraphNodes::Describe(const Node& node, const Frame& frame, NodeProto& proto) const {
  std::string why;
  for (const Argument& argument : node.inputs) {
    if (argument.evidence == kNone) continue;
    const Evidence& evidence = frame.graph.evidence[argument.evidence];
    why += fmt::format("{}{}: {} ({})", why.empty() ? "" : "; ", argument.name, EvidenceName(evidence.kind),
                       evidence.text);
  }
  SetProperty(proto, "pthview.evidence", ValidUtf8(why));
  SetScopes(model_, node.module, proto.op_type(), proto);
  if (node.module == kNone) return;
  const Module& module = model_.modules[node.module];
  const std::string of = module.class_name.empty() ? "" : ValidUtf8(module.class_name);
  if (node.op.starts_with('~')) {
    proto.set_doc_string("inferred: what comes in is joined" + (of.empty() ? "" : fmt::format(", as {} does", of)));
  } else if (node.op == kParameter) {
    proto.set_doc_string(of.empty() ? "a tensor beside the layers" : fmt::format("a tensor that {} itself holds", of));
  } else {
    proto.set_doc_string(of.empty() ? "the class is not known" : fmt::format("{} ({})", of, OriginName(module.origin)));
  }
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
