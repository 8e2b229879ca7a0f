#include "converters/onnx/recorded_graph.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "converters/onnx/node_metadata.h"
#include "converters/onnx/wire.h"
#include "lib/base/dtype.h"

namespace pthview {
namespace {

using pthview_onnx::AttributeProto;
using pthview_onnx::GraphProto;
using pthview_onnx::NodeProto;
using pthview_onnx::TensorProto;
using pthview_onnx::ValueInfoProto;

// The checker wants a shape; one dimension of this name stands for what is not known.
constexpr char kUnknownShape[] = "...";

// The type of a value; numbers are tensors without dimensions. False when nothing is known.
bool SetType(const ValueType& type, ValueInfoProto& info) {
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(TensorProto::FLOAT);
  if (type.kind == TypeKind::kInt || type.kind == TypeKind::kBool || type.kind == TypeKind::kFloat) {
    tensor.set_elem_type(type.kind == TypeKind::kInt    ? TensorProto::INT64
                         : type.kind == TypeKind::kBool ? TensorProto::BOOL
                                                        : TensorProto::DOUBLE);
    tensor.mutable_shape();
    return true;
  }
  const int code = Info(type.dtype).onnx;
  if (type.kind == TypeKind::kTensor && code != 0) tensor.set_elem_type(code);
  if (type.kind != TypeKind::kTensor || !type.dims) {
    tensor.mutable_shape()->add_dim()->set_dim_param(kUnknownShape);
    return type.kind == TypeKind::kTensor && code != 0;
  }
  tensor.mutable_shape();
  for (const Dim& dim : *type.dims) {
    auto& to = *tensor.mutable_shape()->add_dim();
    if (dim.size >= 0) {
      to.set_dim_value(dim.size);
    } else if (!dim.symbol.empty()) {
      to.set_dim_param(ValidUtf8(dim.symbol));
    }
  }
  return code != 0;
}

// All items of one of ONNX's kinds of lists; false when they are not.
bool SetList(const ListValue& list, AttributeProto& proto) {
  auto all = [&](auto is) { return std::all_of(list.items.begin(), list.items.end(), is); };
  if (all([](const AttributeValue& item) { return item.Int().has_value(); })) {
    proto.set_type(AttributeProto::INTS);
    for (const AttributeValue& item : list.items) proto.add_ints(*item.Int());
    return true;
  }
  if (all([](const AttributeValue& item) { return item.Float().has_value(); })) {
    proto.set_type(AttributeProto::FLOATS);
    for (const AttributeValue& item : list.items) proto.add_floats(static_cast<float>(*item.Float()));
    return true;
  }
  if (all([](const AttributeValue& item) { return item.Is<std::string>(); })) {
    proto.set_type(AttributeProto::STRINGS);
    for (const AttributeValue& item : list.items) proto.add_strings(ValidUtf8(*item.Get<std::string>()));
    return true;
  }
  return false;
}

void SetValue(const Attribute& attribute, AttributeProto& proto) {
  const AttributeValue& value = attribute.value;
  if (auto whole = value.Int()) {
    proto.set_type(AttributeProto::INT);
    proto.set_i(*whole);
  } else if (auto real = value.Float()) {
    proto.set_type(AttributeProto::FLOAT);
    proto.set_f(static_cast<float>(*real));
  } else if (const auto* list = value.Get<ListValue>(); list == nullptr || !SetList(*list, proto)) {
    proto.set_type(AttributeProto::STRING);
    proto.set_s(ValidUtf8(attribute.text));
  }
}

// "aten.conv2d.default": as torch names what a node calls.
std::string TargetOf(const Node& node) {
  std::string target = node.domain.empty() ? node.op : fmt::format("{}.{}", node.domain, node.op);
  return ValidUtf8(fmt::format("{}.{}", target, node.overload.empty() ? "default" : node.overload));
}

}  // namespace

RecordedGraph::Scope RecordedGraph::Open(const Graph& graph, const Scope* around) const {
  Scope scope{graph, around, std::vector<std::string>(graph.values.size()), {}, {}};
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!graph.values[i].name.empty()) scope.by_name.emplace(graph.values[i].name, static_cast<Index>(i));
  }
  return scope;
}

std::string RecordedGraph::Define(Scope& scope, Index value, GraphProto* frame) {
  const GraphValue& row = scope.graph.values[value];
  scope.names[value] = values_.Claim(ValidUtf8(row.name));
  scope.own.insert(scope.names[value]);
  if (frame != nullptr) {
    ValueInfoProto info;
    info.set_name(scope.names[value]);
    if (SetType(row.value_type, info)) *frame->add_value_info() = std::move(info);
  }
  return scope.names[value];
}

// Of a value that is used: one of this graph, one of a graph around, or one that nothing makes, which then is an input
// of the whole.
std::string RecordedGraph::NameOf(Scope& scope, Index value) {
  if (!scope.names[value].empty()) return scope.names[value];
  const GraphValue& row = scope.graph.values[value];
  if (row.name.empty()) return {};
  for (const Scope* at = scope.around; at != nullptr; at = at->around) {
    auto found = at->by_name.find(row.name);
    if (found != at->by_name.end() && !at->names[found->second].empty()) {
      return scope.names[value] = at->names[found->second];
    }
  }
  Define(scope, value, nullptr);
  scope.own.erase(scope.names[value]);
  auto& input = *frame_.add_input();
  input.set_name(scope.names[value]);
  input.set_doc_string("the file does not say where it comes from");
  SetType(row.value_type, input);
  return scope.names[value];
}

void RecordedGraph::FillInputs(const Node& node, Scope& scope, NodeProto& proto) {
  std::vector<std::string> names;
  for (const Argument& argument : node.inputs) {
    for (Index value : argument.values) {
      const Index tensor = scope.graph.values[value].tensor;
      if (tensor == kNone) {
        proto.add_input(NameOf(scope, value));
      } else {
        for (const Initializer& weight : initializers_.Of(tensor)) proto.add_input(weight.name);
      }
      std::string name = argument.name.empty() ? fmt::format("argument{}", names.size()) : ValidUtf8(argument.name);
      names.resize(static_cast<size_t>(proto.input_size()), name);
    }
  }
  SetInputNames(names, proto);
}

void RecordedGraph::FillAttributes(const Node& node, const Scope& scope, NodeProto& proto) {
  std::unordered_set<std::string, TextHash> taken;
  for (const Attribute& attribute : node.attributes) {
    if (attribute.value.Is<NoneValue>()) continue;
    std::string name = ValidUtf8(attribute.name);
    if (name.empty()) name = fmt::format("argument{}", taken.size());
    if (!taken.insert(name).second) continue;
    auto& to = *proto.add_attribute();
    to.set_name(std::move(name));
    if (const auto* body = attribute.value.Get<GraphReference>()) {
      to.set_type(AttributeProto::GRAPH);
      Body(model_.graphs[body->graph], scope, *to.mutable_g());
    } else {
      SetValue(attribute, to);
    }
  }
  // Bodies that no attribute names: the branches of TorchScript's If.
  for (size_t i = 0; i < node.blocks.size(); ++i) {
    const bool named = std::any_of(node.attributes.begin(), node.attributes.end(), [&](const Attribute& attribute) {
      const auto* body = attribute.value.Get<GraphReference>();
      return body != nullptr && body->graph == node.blocks[i];
    });
    if (named) continue;
    auto& to = *proto.add_attribute();
    to.set_name(fmt::format("block{}", i));
    to.set_type(AttributeProto::GRAPH);
    Body(model_.graphs[node.blocks[i]], scope, *to.mutable_g());
  }
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestBlock at most
void RecordedGraph::Fill(const Node& node, Scope& scope, NodeProto& proto, GraphProto& frame) {
  proto.set_name(nodes_.Claim(ValidUtf8(node.name.empty() ? node.op : node.name)));
  proto.set_op_type(node.op.empty() ? "operator" : ValidUtf8(node.op));
  proto.set_domain(node.domain.empty() ? "torch" : "torch." + ValidUtf8(node.domain));
  domains_.insert(proto.domain());
  FillInputs(node, scope, proto);
  FillAttributes(node, scope, proto);
  if (!node.overload.empty()) SetProperty(proto, "pthview.overload", ValidUtf8(node.overload));
  for (const Argument& argument : node.outputs) {
    for (Index value : argument.values) {
      proto.add_output(scope.graph.values[value].name.empty() ? "" : Define(scope, value, &frame));
    }
  }
  if (node.module != kNone) {
    const Module& module = model_.modules[node.module];
    SetScopes(model_, node.module, TargetOf(node), proto);
    proto.set_doc_string(
        ValidUtf8(module.path.empty() ? module.class_name : fmt::format("{}: {}", module.path, module.class_name)));
  }
  SetProperty(proto, "pthview.location", ValidUtf8(node.location));
  SetProperty(proto, "pthview.source", ValidUtf8(node.source));
}

// A body may give what a graph around it has made; ONNX wants it to come from the body's own nodes.
std::string RecordedGraph::Passed(const std::string& name, GraphProto& frame) {
  NodeProto& node = *frame.add_node();
  node.set_name(nodes_.Claim(name));
  node.set_op_type("Identity");
  node.add_input(name);
  node.add_output(values_.Claim(name));
  return node.output(0);
}

void RecordedGraph::Outputs(Scope& scope, GraphProto& frame) {
  std::unordered_set<std::string, TextHash> listed;
  auto add = [&](Index value, std::string about) {
    const GraphValue& row = scope.graph.values[value];
    std::string name;
    if (row.tensor == kNone) {
      name = NameOf(scope, value);
    } else if (!initializers_.Of(row.tensor).empty()) {
      name = initializers_.Of(row.tensor).front().name;
    }
    if (name.empty() || !listed.insert(name).second) return;
    if (scope.around != nullptr && !scope.own.contains(name)) name = Passed(name, frame);
    auto& output = *frame.add_output();
    output.set_name(std::move(name));
    output.set_doc_string(std::move(about));
    SetType(row.value_type, output);
  };
  for (Index value : scope.graph.outputs) add(value, "");
  for (const Mutation& mutation : scope.graph.mutations) {
    std::string_view to = mutation.tensor != kNone  ? model_.tensors[mutation.tensor].name
                          : mutation.input != kNone ? std::string_view(scope.graph.values[mutation.input].name)
                                                    : "";
    add(mutation.value, fmt::format("written back to {}", ValidUtf8(to)));
  }
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestBlock at most
void RecordedGraph::Body(const Graph& graph, const Scope& around, GraphProto& proto) {
  Scope scope = Open(graph, &around);
  proto.set_name(graph.name.empty() ? "body" : ValidUtf8(graph.name));
  for (Index value : graph.inputs) {
    auto& input = *proto.add_input();
    input.set_name(Define(scope, value, nullptr));
    SetType(graph.values[value].value_type, input);
  }
  for (const Node& node : graph.nodes) {
    NodeProto inner;
    Fill(node, scope, inner, proto);
    if (inner.input_size() == 0 && inner.output_size() == 0) {
      ++left_out_;
      continue;
    }
    *proto.add_node() = std::move(inner);
  }
  Outputs(scope, proto);
}

void RecordedGraph::Add(const Graph& graph) {
  Scope scope = Open(graph, nullptr);
  for (Index value : graph.inputs) {
    auto& input = *frame_.add_input();
    input.set_name(Define(scope, value, nullptr));
    SetType(graph.values[value].value_type, input);
  }
  for (const Node& node : graph.nodes) {
    NodeProto proto;
    Fill(node, scope, proto, frame_);
    if (proto.input_size() == 0 && proto.output_size() == 0) {
      ++left_out_;
      continue;
    }
    AppendFieldHead(wire_, GraphProto::kNodeFieldNumber, proto.ByteSizeLong());
    proto.AppendToString(&wire_);
    ++count_;
  }
  Outputs(scope, frame_);
}

std::vector<std::string> RecordedGraph::Notes() const {
  std::vector<std::string> notes;
  if (left_out_ > 0) {
    notes.push_back(
        fmt::format("{} operators that take and give nothing are left out: ONNX has no place for them", left_out_));
  }
  return notes;
}

}  // namespace pthview
