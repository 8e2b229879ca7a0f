#include "plugins/torchscript/flatten.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "plugins/torchscript/types.h"

namespace pthview::torchscript {
namespace {

using torch::jit::Block;
using torch::jit::GraphFunction;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = c10::prim;
namespace attr = c10::attr;

// A value of the whole method, whichever of its bodies it stands in.
struct Row {
  std::string name;
  c10::TypePtr type;
  std::optional<uint32_t> tensor;  // of the reply
};

// What a value of LibTorch's is here.
struct Slot {
  enum class Kind : uint8_t { kValue, kModule, kFunction } kind = Kind::kValue;
  size_t row = 0;     // kValue
  std::string path;   // kModule
  c10::TypePtr type;  // kModule: its class, when the path says more than the value's type
  torch::jit::Function* function = nullptr;
};

// A graph under construction and the rows that it has.
struct Body {
  proto::Graph* graph;
  std::unordered_map<size_t, uint32_t> values;           // by row
  std::unordered_map<std::string, uint32_t> node_names;  // how often
};

// One call of a method or function.
struct Frame {
  std::unordered_map<const Value*, Slot> slots;
  std::string module;  // path of the module whose code it is
  uint32_t call = 0;
  const Place* caller = nullptr;  // the innermost place of the model's own code around it
  int depth = 0;
};

std::string Join(const std::string& path, const std::string& name) { return path.empty() ? name : path + "." + name; }

bool IsTensor(const c10::Type& type) {
  if (type.kind() == c10::TypeKind::TensorType) return true;
  return type.kind() == c10::TypeKind::OptionalType &&
         type.expect<c10::OptionalType>()->getElementType()->kind() == c10::TypeKind::TensorType;
}

bool IsModule(const c10::Type& type) {
  const auto* cls = type.castRaw<c10::ClassType>();
  if (cls != nullptr) return cls->is_module();
  const auto* interface = type.castRaw<c10::InterfaceType>();
  return interface != nullptr && interface->is_module();
}

// Shared by the methods of an archive.
class Flattener {
 public:
  Flattener(const proto::ScriptProgram& program, const Compiled& compiled, const std::function<void(size_t)>& progress,
            proto::Model& reply)
      : program_(program), compiled_(compiled), progress_(progress), reply_(reply), places_(compiled.sources) {
    for (const proto::ScriptModule& module : program.modules()) classes_.emplace(module.path(), module.class_name());
    for (size_t i = 0; i < compiled.constants.size(); ++i) {
      const c10::IValue& value = compiled.constants[i];
      if (value.isTensor()) constants_.emplace(value.toTensor().unsafeGetTensorImpl(), i);
    }
  }

  void Run() {
    std::vector<torch::jit::Function*> methods;
    for (torch::jit::Function* method : compiled_.root->methods()) {
      if (method->isGraphFunction() && !method->name().starts_with("__")) methods.push_back(method);
    }
    std::stable_sort(methods.begin(), methods.end(),
                     [](const auto* a, const auto* b) { return (a->name() == "forward") > (b->name() == "forward"); });
    for (size_t i = 0; i < methods.size(); ++i) reply_.add_graphs();
    for (size_t i = 0; i < methods.size(); ++i) WriteMethod(*methods[i], *reply_.mutable_graphs(static_cast<int>(i)));
    if (calls_left_ > 0) {
      proto::Finding* finding = reply_.add_findings();
      finding->set_severity(proto::Finding::WARNING);
      finding->set_code("graph-limit");
      finding->set_text("the graphs have more than " + std::to_string(kMostNodes) + " operators, or calls more than " +
                        std::to_string(kDeepestCall) + " deep; " + std::to_string(calls_left_) +
                        " calls are shown as calls");
    }
  }

 private:
  void WriteMethod(torch::jit::Function& method, proto::Graph& graph) {
    rows_.clear();
    names_.clear();
    calls_.clear();
    weight_rows_.clear();
    graph.set_name(method.name());
    Body body{.graph = &graph, .values = {}, .node_names = {}};
    Frame frame;
    const auto& block = *static_cast<GraphFunction&>(method).graph()->block();
    for (size_t i = 0; i < block.inputs().size(); ++i) {
      const Value* input = block.inputs()[i];
      if (i == 0) {
        frame.slots[input] = {.kind = Slot::Kind::kModule, .path = "", .type = compiled_.root};
      } else {
        graph.add_inputs(Define(body, frame, input));
      }
    }
    WriteBlock(body, frame, block, 0);
    for (const Value* output : block.outputs()) graph.add_outputs(Use(body, frame, output));
  }

  // ---- values ----

  std::string UniqueName(const std::string& wanted) {
    uint32_t& times = names_[wanted];
    if (times++ == 0) return wanted;
    while (true) {
      std::string name = wanted + "." + std::to_string(times++);
      if (names_.try_emplace(name, 1).second) return name;
    }
  }

  size_t NewRow(const std::string& name, c10::TypePtr type) {
    rows_.push_back({UniqueName(name), std::move(type), std::nullopt});
    return rows_.size() - 1;
  }

  uint32_t ValueOf(Body& body, size_t row) {
    auto [at, is_new] = body.values.try_emplace(row, static_cast<uint32_t>(body.graph->values_size()));
    if (is_new) {
      proto::Value* value = body.graph->add_values();
      value->set_name(rows_[row].name);
      if (rows_[row].type != nullptr) WriteType(*rows_[row].type, *value->mutable_value_type());
      if (rows_[row].tensor) value->set_tensor(*rows_[row].tensor);
    }
    return at->second;
  }

  uint32_t Define(Body& body, Frame& frame, const Value* value) {
    Slot slot;
    slot.row = NewRow(value->hasDebugName() ? value->debugNameBase() : std::to_string(rows_.size()), value->type());
    uint32_t index = ValueOf(body, slot.row);
    frame.slots[value] = std::move(slot);
    return index;
  }

  uint32_t Use(Body& body, Frame& frame, const Value* value) {
    auto found = frame.slots.find(value);
    if (found == frame.slots.end()) return Define(body, frame, value);
    Slot& slot = found->second;
    if (slot.kind == Slot::Kind::kValue) return ValueOf(body, slot.row);
    // A module or function where a value is wanted: a node that fetches it.
    const bool module = slot.kind == Slot::Kind::kModule;
    const std::string name = module ? (slot.path.empty() ? "self" : slot.path) : slot.function->name();
    proto::Node* node = AddNode(body, frame, module ? "GetAttr" : "Constant", name);
    AddText(*node, "name", name);
    const size_t row = NewRow(name, value->type());
    const uint32_t index = ValueOf(body, row);
    node->add_outputs()->add_values(index);
    return index;
  }

  uint32_t TensorOf(const std::string& name, bool constant) {
    auto [at, is_new] = tensors_.try_emplace(name, static_cast<uint32_t>(reply_.tensors_size()));
    if (is_new) {
      proto::Tensor* tensor = reply_.add_tensors();
      tensor->set_name(name);
      if (constant) tensor->set_kind(proto::Tensor::CONSTANT);
    }
    return at->second;
  }

  // ---- nodes ----

  proto::Node* AddNode(Body& body, const Frame& frame, const std::string& op, const std::string& name) {
    proto::Node* node = body.graph->add_nodes();
    node->set_domain("prim");
    node->set_op(op);
    std::string unique = name;
    while (uint32_t times = body.node_names[unique]++) unique = name + "#" + std::to_string(times);
    node->set_name(unique);
    node->set_module(frame.module);
    node->set_call(frame.call);
    if (++nodes_ % 1024 == 0) progress_(nodes_);
    return node;
  }

  static void AddText(proto::Node& node, const std::string& name, const std::string& text) {
    proto::Attribute* attribute = node.add_attributes();
    attribute->set_name(name);
    attribute->set_text(text);
    attribute->mutable_value()->set_string(text);
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestCall and kDeepestBody at most
  void WriteBlock(Body& body, Frame& frame, const Block& block, int deep) {
    for (const Node* node : block.nodes()) {
      if (Absorbed(frame, *node) || Called(body, frame, *node, deep)) continue;
      WriteNode(body, frame, *node, deep);
    }
  }

  // Steps from module to module, weights and functions: what others name, no nodes of their own.
  bool Absorbed(Frame& frame, const Node& node) {
    if (node.kind() == prim::GetAttr) {
      auto from = frame.slots.find(node.input(0));
      if (from == frame.slots.end() || from->second.kind != Slot::Kind::kModule) return false;
      const std::string path = Join(from->second.path, node.s(attr::name));
      const c10::TypePtr& type = node.output()->type();
      Slot slot;
      if (IsModule(*type)) {
        slot = {.kind = Slot::Kind::kModule, .path = path, .type = ClassAt(path, type)};
      } else if (IsTensor(*type)) {
        slot.row = WeightRow(path, type);
      } else {
        return false;
      }
      frame.slots[node.output()] = std::move(slot);
      return true;
    }
    if (node.kind() == prim::Constant && node.output()->type()->kind() == c10::TypeKind::FunctionType) {
      frame.slots[node.output()] = {.kind = Slot::Kind::kFunction,
                                    .function = node.output()->type()->expect<c10::FunctionType>()->function()};
      return true;
    }
    return false;
  }

  size_t WeightRow(const std::string& path, const c10::TypePtr& type) {
    const uint32_t tensor = TensorOf(path, false);
    auto [at, is_new] = weight_rows_.try_emplace(tensor, 0);
    if (is_new) {
      at->second = NewRow(path, type);
      rows_[at->second].tensor = tensor;
    }
    return at->second;
  }

  // Behind an interface stands the class that the file has there.
  c10::TypePtr ClassAt(const std::string& path, const c10::TypePtr& type) const {
    if (type->kind() != c10::TypeKind::InterfaceType) return type;
    auto found = classes_.find(path);
    if (found == classes_.end()) return type;
    auto cls = compiled_.unit->get_class(c10::QualifiedName(found->second));
    return cls == nullptr ? type : c10::TypePtr(cls);
  }

  // A call of a function or method with a graph: the graph takes its place.
  // NOLINTNEXTLINE(misc-no-recursion): kDeepestCall at most
  bool Called(Body& body, Frame& frame, const Node& node, int deep) {
    const bool method = node.kind() == prim::CallMethod;
    if (!method && node.kind() != prim::CallFunction) return false;
    torch::jit::Function* function = nullptr;
    Frame inner{.module = frame.module, .call = frame.call, .depth = frame.depth + 1};
    auto self = frame.slots.find(node.input(0));
    const bool known = self != frame.slots.end();
    if (!method) {
      if (known) function = self->second.function;
    } else if (known && self->second.kind == Slot::Kind::kModule) {
      function = MethodOf(self->second.type, node.s(attr::name));
      if (self->second.path != frame.module) {
        inner.module = self->second.path;
        inner.call = calls_[inner.module]++;
      }
    } else {
      function = MethodOf(node.input(0)->type(), node.s(attr::name));
    }
    if (function == nullptr || !function->isGraphFunction()) return false;
    if (nodes_ >= kMostNodes || inner.depth > kDeepestCall) {
      ++calls_left_;
      return false;
    }
    const Place* place = places_.Find(node.sourceRange());
    inner.caller = place != nullptr && !place->torchs ? place : frame.caller;
    const auto& graph = *static_cast<GraphFunction*>(function)->graph();
    const size_t skip = method ? 0 : 1;
    if (graph.inputs().size() != node.inputs().size() - skip) return false;
    for (size_t i = 0; i < graph.inputs().size(); ++i) {
      const Value* given = node.inputs()[i + skip];
      if (!frame.slots.contains(given)) Define(body, frame, given);
      inner.slots[graph.inputs()[i]] = frame.slots[given];
    }
    WriteBlock(body, inner, *graph.block(), deep);
    for (size_t i = 0; i < std::min(node.outputs().size(), graph.outputs().size()); ++i) {
      const Value* result = graph.outputs()[i];
      if (!inner.slots.contains(result)) Define(body, inner, result);
      frame.slots[node.outputs()[i]] = inner.slots[result];
    }
    return true;
  }

  static torch::jit::Function* MethodOf(const c10::TypePtr& type, const std::string& name) {
    const auto* cls = type == nullptr ? nullptr : type->castRaw<c10::ClassType>();
    return cls == nullptr ? nullptr : cls->findMethod(name);
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestBody at most
  void WriteNode(Body& body, Frame& frame, const Node& from, int deep) {
    // Inputs first: what fetches them stands before.
    std::vector<uint32_t> inputs;
    const bool fetch = from.kind() == prim::GetAttr || from.kind() == prim::SetAttr || from.kind() == prim::CallMethod;
    std::string path;
    for (size_t i = 0; i < from.inputs().size(); ++i) {
      const Value* input = from.inputs()[i];
      auto found = frame.slots.find(input);
      if (fetch && i == 0 && found != frame.slots.end() && found->second.kind == Slot::Kind::kModule) {
        path = Join(found->second.path, from.s(attr::name));
        continue;
      }
      inputs.push_back(Use(body, frame, input));
    }
    proto::Node* node = AddNode(body, frame, from.kind().toUnqualString(), NameOf(from));
    node->set_domain(from.kind().ns().toUnqualString());
    SetPlace(frame, from, *node);
    const c10::FunctionSchema* schema = from.maybeSchema();
    if (schema != nullptr) node->set_overload(schema->overload_name());
    for (size_t i = 0; i < inputs.size(); ++i) {
      proto::Argument* argument = node->add_inputs();
      argument->add_values(inputs[i]);
      argument->set_position(static_cast<uint32_t>(i));
      if (schema != nullptr && i < schema->arguments().size()) argument->set_name(schema->arguments()[i].name());
    }
    if (!path.empty()) {
      AddText(*node, "name", path);
    } else {
      WriteAttributes(from, *node);
    }
    // Bodies may speak of what stands before the node, and the node's results come after them.
    for (const Block* block : from.blocks()) WriteBody(frame, *block, *node, deep);
    WriteSubgraphs(frame, from, *node, deep);
    for (const Value* output : from.outputs()) {
      const uint32_t value = Define(body, frame, output);
      node->add_outputs()->add_values(value);
    }
  }

  std::string NameOf(const Node& node) const {
    if (node.outputs().size() == 1 && node.output()->hasDebugName()) return node.output()->debugName();
    return node.kind().toUnqualString();
  }

  void SetPlace(const Frame& frame, const Node& from, proto::Node& node) {
    const Place* place = places_.Find(from.sourceRange());
    if ((place == nullptr || place->torchs || place->location.empty()) && frame.caller != nullptr) place = frame.caller;
    if (place == nullptr) return;
    node.set_location(place->location);
    node.set_source(place->text);
  }

  void WriteAttributes(const Node& from, proto::Node& node) {
    if (from.kind() == prim::Constant) {
      proto::Attribute* attribute = node.add_attributes();
      attribute->set_name("value");
      auto value = torch::jit::toIValue(from.output());
      if (!value ||
          !WriteValue(
              *value, [&](const at::Tensor& tensor) { return ConstantTensor(tensor); }, *attribute->mutable_value())) {
        attribute->clear_value();
        attribute->set_text(from.output()->type()->str());
      }
      return;
    }
    for (const c10::Symbol name : from.attributeNames()) {
      proto::Attribute attribute;
      attribute.set_name(name.toUnqualString());
      proto::AttributeValue& value = *attribute.mutable_value();
      switch (from.kindOf(name)) {
        case torch::jit::AttributeKind::s: value.set_string(from.s(name)); break;
        case torch::jit::AttributeKind::i: value.set_integer(from.i(name)); break;
        case torch::jit::AttributeKind::f: value.set_real(from.f(name)); break;
        case torch::jit::AttributeKind::is:
          value.mutable_list();
          for (int64_t item : from.is(name)) value.mutable_list()->add_items()->set_integer(item);
          break;
        case torch::jit::AttributeKind::ss:
          value.mutable_list();
          for (const std::string& item : from.ss(name)) value.mutable_list()->add_items()->set_string(item);
          break;
        case torch::jit::AttributeKind::ty:
          attribute.clear_value();
          attribute.set_text(from.ty(name)->str());
          break;
        default: continue;
      }
      *node.add_attributes() = std::move(attribute);
    }
  }

  std::optional<uint32_t> ConstantTensor(const at::Tensor& tensor) {
    auto found = constants_.find(tensor.unsafeGetTensorImpl());
    if (found == constants_.end()) return std::nullopt;
    return TensorOf(program_.constants(static_cast<int>(found->second)).name(), true);
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestBody at most
  void WriteBody(Frame& frame, const Block& block, proto::Node& node, int deep) {
    if (deep >= kDeepestBody) throw std::runtime_error("bodies of If and Loop stand too deep in each other");
    node.add_blocks(static_cast<uint32_t>(reply_.graphs_size()));
    Body body{.graph = reply_.add_graphs(), .values = {}, .node_names = {}};
    for (const Value* input : block.inputs()) body.graph->add_inputs(Define(body, frame, input));
    WriteBlock(body, frame, block, deep + 1);
    for (const Value* output : block.outputs()) body.graph->add_outputs(Use(body, frame, output));
  }

  // What fork runs stands in an attribute.
  // NOLINTNEXTLINE(misc-no-recursion): kDeepestBody at most
  void WriteSubgraphs(Frame& frame, const Node& from, proto::Node& node, int deep) {
    for (const c10::Symbol name : from.attributeNames()) {
      if (from.kindOf(name) != torch::jit::AttributeKind::g) continue;
      const auto& graph = from.g(name);
      Frame inner{.module = frame.module, .call = frame.call, .caller = frame.caller, .depth = frame.depth + 1};
      WriteBody(inner, *graph->block(), node, deep);
    }
  }

  const proto::ScriptProgram& program_;
  const Compiled& compiled_;
  const std::function<void(size_t)>& progress_;
  proto::Model& reply_;
  Places places_;
  std::unordered_map<std::string, std::string> classes_;  // by path
  std::unordered_map<const void*, size_t> constants_;     // by tensor
  std::unordered_map<std::string, uint32_t> tensors_;     // of the reply, by name
  size_t nodes_ = 0;
  size_t calls_left_ = 0;
  // Of the method that is being written:
  std::vector<Row> rows_;
  std::unordered_map<std::string, uint32_t> names_;   // of values, how often
  std::unordered_map<std::string, uint32_t> calls_;   // of modules, by path
  std::unordered_map<uint32_t, size_t> weight_rows_;  // by tensor of the reply
};

}  // namespace

void Flatten(const proto::ScriptProgram& program, const Compiled& compiled,
             const std::function<void(size_t nodes)>& progress, proto::Model& reply) {
  Flattener(program, compiled, progress, reply).Run();
}

}  // namespace pthview::torchscript
