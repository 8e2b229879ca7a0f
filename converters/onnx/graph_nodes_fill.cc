// What one node of an inferred graph becomes.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "converters/onnx/attributes.h"
#include "converters/onnx/graph_nodes.h"
#include "converters/onnx/layer_operators.h"
#include "converters/onnx/node_metadata.h"

namespace pthview {
namespace {

using pthview_onnx::AttributeProto;
using pthview_onnx::NodeProto;
using pthview_onnx::ValueInfoProto;

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
  *value.mutable_t() = *input.constant;
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

}  // namespace pthview
