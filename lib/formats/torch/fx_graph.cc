// Statements run in their order, so each expression becomes nodes in front of the one that takes it. Names are bound as
// Python binds them: one that is assigned again means the newer value from there on, so that the graph is in SSA form.
#include "lib/formats/torch/fx_graph.h"

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/formats/torch/fx_operand.h"
#include "lib/formats/torch/fx_source.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using fx::Expression;
using fx::ExpressionIndex;
using fx::Function;
using fx::Operand;
using fx::Statement;

constexpr size_t kLongestStatement = 2000;  // of one that is shown as text
constexpr size_t kMostWeights = 64;         // of a module that a node calls

// What the names of a part mean: tensors and modules by their paths.
struct PartNames {
  std::unordered_map<std::string_view, Index, TextHash> tensors;
  std::unordered_map<std::string_view, Index, TextHash> modules;
};

class GraphReader {
 public:
  GraphReader(ModelBuilder& builder, const PartNames& names, Index module, Index part)
      : builder_(builder), model_(builder.model()), names_(names), module_(module) {
    graph_.part = part;
    const std::string_view path = model_.modules[module].path;
    graph_.name = path.empty() ? "forward" : std::string(path) + ".forward";
  }

  // nullopt when there is nothing to be read, or it would take more than is allowed.
  std::optional<Graph> Read(std::string_view source) {
    auto function = fx::ParseForward(source);
    if (!function) return std::nullopt;
    function_ = &*function;
    for (const fx::Parameter& parameter : function->parameters) {
      const Index value = AddValue(parameter.name, parameter.annotation);
      graph_.inputs.push_back(value);
      scope_[parameter.name] = Operand::Value(value);
    }
    for (const Statement& statement : function->statements) {
      Run(statement);
      if (exhausted_) return std::nullopt;
      if (returned_) break;
    }
    if (unread_ > 0) {
      builder_.Note(Severity::kWarning, "fx-statement", graph_.name,
                    fmt::format("{} statements are of a form that torch.fx does not write; they are nodes that show "
                                "their text, and what they assign is not followed",
                                unread_));
    }
    return std::move(graph_);
  }

 private:
  // ---- statements ----

  void Run(const Statement& statement) {
    line_ = statement.text;
    wanted_ = {};
    switch (statement.kind) {
      case Statement::Kind::kUnread: return Unread(statement);
      case Statement::Kind::kReturn:
        returned_ = true;
        if (statement.value != fx::kNoExpression) {
          fx::CollectValues(Fetched(Evaluate(statement.value), {}), graph_.outputs);
        }
        return;
      case Statement::Kind::kAugmented: return Augment(statement);
      case Statement::Kind::kAssign: break;
    }
    if (statement.value == fx::kNoExpression) return;
    if (!statement.annotation.empty() && statement.targets.empty() &&
        At(statement.value).kind == Expression::Kind::kName) {
      return;  // a declaration
    }
    const Expression* target = statement.targets.empty() ? nullptr : &At(statement.targets.back());
    if (target != nullptr && target->kind == Expression::Kind::kName) wanted_ = {target->text, statement.annotation};
    Operand value = Evaluate(statement.value);
    if (value.kind == Operand::Kind::kSelf && target != nullptr && ModuleAt(value.text) == kNone) {
      value = Fetched(value, wanted_);
    }
    if (value.kind == Operand::Kind::kValue && renamed_ == value.value && !wanted_.name.empty()) {
      graph_.values[value.value].name = UniqueName(wanted_.name);  // x += 1;  iadd = x
    }
    renamed_ = kNone;
    for (ExpressionIndex each : statement.targets) Assign(each, value);
  }

  void Assign(ExpressionIndex index, const Operand& value) {
    const Expression& target = At(index);
    if (target.kind == Expression::Kind::kName) {
      scope_[target.text] = value;
      return;
    }
    const bool several = target.kind == Expression::Kind::kTuple || target.kind == Expression::Kind::kList;
    const bool names = several && std::all_of(target.items.begin(), target.items.end(), [&](ExpressionIndex item) {
                         return At(item).kind == Expression::Kind::kName;
                       });
    if (!names) {  // x[0] = y, x.y = z
      Node node{.domain = "_operator", .op = target.kind == Expression::Kind::kSubscript ? "setitem" : "setattr"};
      if (target.items.empty()) return;
      AddArgument(node, {}, Evaluate(target.items[0]), 0);
      if (target.kind == Expression::Kind::kSubscript) AddArgument(node, {}, Evaluate(target.items[1]), 1);
      if (target.kind == Expression::Kind::kAttribute)
        AddArgument(node, {}, Operand::Constant({EscapeName(target.text)}), 1);
      AddArgument(node, {}, value, 2);
      Append(std::move(node));
      return;
    }
    if (value.kind == Operand::Kind::kSequence && value.items.size() == target.items.size()) {
      for (size_t i = 0; i < target.items.size(); ++i) scope_[At(target.items[i]).text] = value.items[i];
      return;
    }
    Node node{.domain = "prim", .op = "TupleUnpack"};
    AddArgument(node, {}, value, 0);
    for (ExpressionIndex item : target.items) {
      const Index made = AddValue(At(item).text, {});
      node.outputs.push_back({.name = {}, .values = {made}});
      scope_[At(item).text] = Operand::Value(made);
    }
    Append(std::move(node));
  }

  void Augment(const Statement& statement) {
    const Expression& target = At(statement.targets[0]);
    const std::string_view name = fx::BinaryOperatorName(statement.op);
    if (target.kind != Expression::Kind::kName || name.empty()) return Unread(statement);
    Node node{.domain = "_operator", .op = "i" + std::string(name)};
    if (node.op.ends_with('_')) node.op.pop_back();
    AddArgument(node, {}, Evaluate(statement.targets[0]), 0);
    AddArgument(node, {}, Evaluate(statement.value), 1);
    wanted_ = {target.text, {}};
    const Operand made = Made(std::move(node));
    renamed_ = made.value;
    scope_[target.text] = made;
  }

  void Unread(const Statement& statement) {
    ++unread_;
    Node node{.domain = "python", .op = "statement"};
    node.attributes.push_back({.name = "source", .text = EscapeName(statement.text.substr(0, kLongestStatement))});
    Append(std::move(node));
  }

  // ---- expressions ----

  const Expression& At(ExpressionIndex index) const { return function_->expressions[index]; }

  Operand Evaluate(ExpressionIndex index) {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    if (index == fx::kNoExpression) return Operand::Constant({NoneValue{}});
    const Expression& at = At(index);
    switch (at.kind) {
      case Expression::Kind::kName: return Named(at.text);
      case Expression::Kind::kNumber: return Number(at);
      case Expression::Kind::kString: return Operand::Constant({EscapeName(at.decoded)});
      case Expression::Kind::kEllipsis: return Operand::Text("...");
      case Expression::Kind::kTuple: return Sequence(at, "(");
      case Expression::Kind::kList: return Sequence(at, "[");
      case Expression::Kind::kSet: return Sequence(at, "{");
      case Expression::Kind::kSlice: return Sequence(at, "slice(");
      case Expression::Kind::kDict: {
        Operand dict = Sequence(at, {});
        dict.kind = Operand::Kind::kDict;
        return dict;
      }
      case Expression::Kind::kKeyword:
      case Expression::Kind::kStarred: return Inner(at.items[0]);
      case Expression::Kind::kAttribute: return AttributeOf(Inner(at.items[0]), at.text);
      case Expression::Kind::kSubscript: return ItemOf(at);
      case Expression::Kind::kCall: return Call(at);
      case Expression::Kind::kUnary: return Unary(at);
      case Expression::Kind::kBinary: return Binary(at);
    }
    return {};
  }

  // Of an expression inside another: what it makes has no name of its own.
  Operand Inner(ExpressionIndex index) {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    const Wanted outer = std::exchange(wanted_, {});
    Operand value = Evaluate(index);
    wanted_ = outer;
    return value;
  }

  Operand Named(std::string_view name) {
    if (auto found = scope_.find(name); found != scope_.end()) {
      if (found->second.items.empty()) return found->second;
      Spend(found->second.size * sizeof(Operand));  // a = [a, a] doubles it
      return exhausted_ ? Operand() : found->second;
    }
    if (name == function_->self) return {.kind = Operand::Kind::kSelf};
    if (name == "None") return Operand::Constant({NoneValue{}});
    if (name == "True" || name == "False") return Operand::Constant({name == "True"});
    if (name == "inf") return Operand::Constant({std::numeric_limits<double>::infinity()});
    if (name == "nan") return Operand::Constant({std::numeric_limits<double>::quiet_NaN()});
    if (name == "Ellipsis") return Operand::Text("...");
    return {.kind = Operand::Kind::kGlobal, .text = EscapeName(name)};
  }

  static Operand Number(const Expression& at) {
    AttributeValue number = fx::NumberOf(at.text);
    return number.typed() ? Operand::Constant(std::move(number)) : Operand::Text(EscapeName(at.text));
  }

  Operand Sequence(const Expression& at, std::string_view open) {  // NOLINT(misc-no-recursion): kDeepestExpression
    Operand list{.kind = Operand::Kind::kSequence, .text = std::string(open)};
    for (ExpressionIndex item : at.items) {
      list.items.push_back(Argued(Inner(item)));
      list.size += list.items.back().size;
    }
    return list;
  }

  // Weights become values where they are arguments.
  Operand Argued(Operand operand) {
    if (operand.kind == Operand::Kind::kSelf && !operand.text.empty()) return Fetched(operand, {});
    if (operand.kind == Operand::Kind::kGlobal) {
      AttributeValue constant = fx::TorchConstant(operand.text);
      if (constant.typed()) return Operand::Constant(std::move(constant));
    }
    return operand;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepestExpression at most
  Operand AttributeOf(Operand of, std::string_view name) {
    if (of.kind == Operand::Kind::kSelf) {
      AppendTextKey(of.text, name);
      return of;
    }
    if (of.kind == Operand::Kind::kGlobal) {
      of.text += "." + EscapeName(name);
      return of;
    }
    Node node{.domain = "builtins", .op = "getattr"};
    AddArgument(node, {}, of, 0);
    AddArgument(node, {}, Operand::Constant({EscapeName(name)}), 1);
    return Made(std::move(node));
  }

  Operand ItemOf(const Expression& at) {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    Operand of = Argued(Inner(at.items[0]));
    Node node{.domain = "_operator", .op = "getitem"};
    AddArgument(node, {}, of, 0);
    AddArgument(node, {}, Inner(at.items[1]), 1);
    return Made(std::move(node));
  }

  Operand Unary(const Expression& at) {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    Operand of = Argued(Inner(at.items[0]));
    if (at.text == "-" || at.text == "+") {
      const int64_t* whole = of.constant.Get<int64_t>();
      const double* real = of.constant.Get<double>();
      const bool minus = at.text == "-";
      if (whole != nullptr && *whole != INT64_MIN) return Operand::Constant({minus ? -*whole : *whole});
      if (real != nullptr) return Operand::Constant({minus ? -*real : *real});
    }
    Node node{.domain = "_operator", .op = std::string(fx::UnaryOperatorName(at.text))};
    AddArgument(node, {}, of, 0);
    return Made(std::move(node));
  }

  Operand Binary(const Expression& at) {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    Operand left = Argued(Inner(at.items[0]));
    Operand right = Argued(Inner(at.items[1]));
    const auto* imaginary = right.constant.Get<std::complex<double>>();
    if (imaginary != nullptr && (at.text == "+" || at.text == "-")) {  // 1+2j
      if (auto real = left.constant.Float()) {
        return Operand::Constant(
            {std::complex<double>(*real, at.text == "-" ? -imaginary->imag() : imaginary->imag())});
      }
    }
    Node node{.domain = "_operator", .op = std::string(fx::BinaryOperatorName(at.text))};
    AddArgument(node, {}, left, 0);
    AddArgument(node, {}, right, 1);
    return Made(std::move(node));
  }

  // ---- calls ----

  Operand Call(const Expression& at) {  // NOLINT(misc-no-recursion): kDeepestExpression at most
    const Expression& callee = At(at.items[0]);
    if (callee.kind == Expression::Kind::kAttribute) {
      Operand of = Inner(callee.items[0]);
      if (of.kind == Operand::Kind::kSelf && names_.tensors.contains(FullPath(of.text))) of = Argued(std::move(of));
      if (of.kind != Operand::Kind::kSelf && of.kind != Operand::Kind::kGlobal) return CallMethod(of, callee.text, at);
      if (of.kind == Operand::Kind::kSelf) {
        AppendTextKey(of.text, callee.text);
        return CallModule(of.text, at);
      }
      of.text += "." + EscapeName(callee.text);
      return CallFunction(of.text, at);
    }
    const Operand of = Inner(at.items[0]);
    if (of.kind == Operand::Kind::kSelf) return CallModule(of.text, at);
    if (of.kind == Operand::Kind::kGlobal) return CallFunction(of.text, at);
    return CallMethod(of, "__call__", at);
  }

  Operand CallMethod(const Operand& of, std::string_view name, const Expression& at) {  // NOLINT(misc-no-recursion)
    Node node{.domain = "torch.Tensor", .op = EscapeName(name)};
    AddArgument(node, {}, of, 0);
    AddArguments(node, at, 1);
    return Made(std::move(node));
  }

  Operand CallFunction(const std::string& name, const Expression& at) {  // NOLINT(misc-no-recursion)
    if (name == "getattr" && at.items.size() == 3 && At(at.items[2]).kind == Expression::Kind::kString) {
      return AttributeOf(Inner(at.items[1]), At(at.items[2]).decoded);
    }
    if (name == "slice" || name == "torch.Size" || name == "device" || name == "torch.device") return Known(name, at);
    // What torch.export's modules do with their arguments: it takes lists and dicts apart and puts them together.
    if (name == "fx_pytree.tree_flatten_spec" && at.items.size() >= 2) return Flattened(Inner(at.items[1]), true);
    if (name == "pytree.tree_unflatten" && at.items.size() >= 2) return Flattened(Inner(at.items[1]), false);
    Node node;
    constexpr std::string_view kOps = "torch.ops.";
    std::string_view path = name;
    if (path.starts_with(kOps)) {  // torch.ops.aten.add.Tensor
      path.remove_prefix(kOps.size());
      size_t dot = std::min(path.find('.'), path.size());
      node.domain = path.substr(0, dot);
      path.remove_prefix(std::min(dot + 1, path.size()));
      dot = std::min(path.find('.'), path.size());
      node.op = path.substr(0, dot);
      node.overload = path.substr(std::min(dot + 1, path.size()));
    } else {
      const size_t dot = path.rfind('.');
      if (dot != std::string_view::npos) node.domain = path.substr(0, dot);
      node.op = path.substr(dot == std::string_view::npos ? 0 : dot + 1);
      if (node.domain == "operator") node.domain = "_operator";
      if (node.domain == "torch.functional") node.domain = "torch";
    }
    AddArguments(node, at, 0);
    return Made(std::move(node));
  }

  // Calls that only make a constant.
  Operand Known(const std::string& name, const Expression& at) {  // NOLINT(misc-no-recursion)
    Operand made{.kind = Operand::Kind::kSequence, .text = name + "("};
    for (size_t i = 1; i < at.items.size(); ++i) made.items.push_back(Argued(Inner(at.items[i])));
    if (name == "torch.Size" && made.items.size() == 1) return made.items[0];
    if (name.ends_with("device") && !made.items.empty()) {
      const auto* kind = made.items[0].constant.Get<std::string>();
      const auto* number = made.items.size() > 1 ? made.items[1].constant.Get<int64_t>() : nullptr;
      if (kind != nullptr) {
        return Operand::Constant({DeviceValue{number == nullptr ? *kind : fmt::format("{}:{}", *kind, *number)}});
      }
    }
    return made;
  }

  static Operand Flattened(Operand structure, bool all) {
    if (!all) return structure;
    Operand flat{.kind = Operand::Kind::kSequence, .text = "["};
    std::vector<Index> values;
    fx::CollectValues(structure, values);
    for (Index value : values) flat.items.push_back(Operand::Value(value));
    return flat;
  }

  Operand CallModule(const std::string& path, const Expression& at) {  // NOLINT(misc-no-recursion)
    const Index called = ModuleAt(path);
    Node node;
    if (called == kNone) {
      const size_t dot = path.rfind('.');
      node.op = path.substr(dot == std::string::npos ? 0 : dot + 1);
      if (node.op.empty()) node.op = "forward";
      AddArguments(node, at, 0);
      return Made(std::move(node));
    }
    const Module& module = model_.modules[called];
    const std::string_view name = module.class_name;
    const size_t dot = name.rfind('.');
    if (dot != std::string_view::npos) node.domain = name.starts_with("torch.nn.") ? "torch.nn" : name.substr(0, dot);
    node.op = name.empty() ? "Module" : name.substr(dot == std::string_view::npos ? 0 : dot + 1);
    node.module = called;
    AddArguments(node, at, 0);
    if (node.domain == "torch.nn")
      node.attributes.insert(node.attributes.end(), module.attributes.begin(), module.attributes.end());
    for (size_t i = 0; i < std::min(module.tensors.size(), kMostWeights); ++i) {
      const Tensor& tensor = model_.tensors[module.tensors[i]];
      const size_t last = tensor.name.rfind('.');
      node.inputs.push_back({.name = std::string(tensor.name.substr(last == std::string_view::npos ? 0 : last + 1)),
                             .values = {Weight(module.tensors[i], tensor.name)}});
    }
    return Made(std::move(node));
  }

  void AddArguments(Node& node, const Expression& at, Index position) {  // NOLINT(misc-no-recursion)
    for (size_t i = 1; i < at.items.size(); ++i) {
      const Expression& argument = At(at.items[i]);
      std::string name;
      if (argument.kind == Expression::Kind::kKeyword) name = EscapeName(argument.text);
      if (argument.kind == Expression::Kind::kStarred) name = argument.text;
      AddArgument(node, std::move(name), Inner(at.items[i]), position++);
    }
  }

  // ---- rows of the graph ----

  void AddArgument(Node& node, std::string name, Operand operand, Index position) {
    operand = Argued(std::move(operand));
    std::vector<Index> values;
    fx::CollectValues(operand, values);
    if (operand.kind == Operand::Kind::kValue) {
      node.inputs.push_back({.name = std::move(name), .values = std::move(values), .position = position});
      return;
    }
    const bool plain = operand.kind == Operand::Kind::kSequence && (operand.text == "[" || operand.text == "(") &&
                       values.size() == operand.items.size() && !values.empty() &&
                       std::all_of(operand.items.begin(), operand.items.end(),
                                   [](const Operand& item) { return item.kind == Operand::Kind::kValue; });
    if (!plain) {
      Attribute attribute{.name = name, .text = fx::TextOf(operand, graph_)};
      if (operand.kind == Operand::Kind::kConstant) attribute.text = operand.text;
      attribute.value = fx::Typed(operand);
      attribute.position = position;
      Spend(attribute.text.size());
      node.attributes.push_back(std::move(attribute));
    }
    if (!values.empty()) {
      node.inputs.push_back({.name = std::move(name), .values = std::move(values), .position = position});
    }
  }

  Operand Made(Node node) {
    const Index value = AddValue(wanted_.name.empty() ? node.op : wanted_.name, wanted_.annotation);
    node.outputs.push_back({.name = {}, .values = {value}});
    wanted_ = {};
    Append(std::move(node));
    return Operand::Value(value);
  }

  void Append(Node node) {
    const std::string base = node.outputs.empty() ? node.op : graph_.values[node.outputs[0].values[0]].name;
    node.name = base;
    for (size_t& times = node_names_[base]; times++ > 0;) {
      node.name = fmt::format("{}#{}", base, times);
      if (node_names_.emplace(node.name, 1).second) break;
    }
    node.source = EscapeName(line_.substr(0, kLongestStatement));
    Spend(sizeof(Node) + node.source.size());
    graph_.nodes.push_back(std::move(node));
  }

  Index AddValue(std::string_view name, std::string_view annotation) {
    GraphValue value{.name = UniqueName(name)};
    if (annotation == "torch.Tensor") {
      value.value_type.kind = TypeKind::kTensor;
      value.type = TypeText(value.value_type);
    } else if (!annotation.empty()) {
      value.type = EscapeName(annotation.substr(0, kLongestStatement));
    }
    Spend(sizeof(GraphValue));
    graph_.values.push_back(std::move(value));
    return static_cast<Index>(graph_.values.size() - 1);
  }

  std::string UniqueName(std::string_view name) {
    std::string unique = EscapeName(name);
    while (true) {
      size_t& times = value_names_[unique];
      if (times++ == 0) return unique;
      unique += fmt::format("#{}", times);
    }
  }

  // What `self.path` is: a weight, or something that a node fetches.
  struct Wanted {
    std::string_view name;
    std::string_view annotation;
  };
  Operand Fetched(const Operand& operand, Wanted wanted) {
    if (operand.kind != Operand::Kind::kSelf || operand.text.empty()) return operand;
    if (auto found = names_.tensors.find(FullPath(operand.text)); found != names_.tensors.end()) {
      return Operand::Value(Weight(found->second, wanted.name.empty() ? std::string_view(operand.text) : wanted.name));
    }
    if (auto found = fetched_.find(operand.text); found != fetched_.end()) return Operand::Value(found->second);
    Node node{.domain = "prim", .op = "GetAttr"};
    node.attributes.push_back(TypedAttribute("name", {operand.text}));
    const Wanted outer = std::exchange(wanted_, wanted);
    Operand made = Made(std::move(node));
    wanted_ = outer;
    fetched_.emplace(operand.text, made.value);
    return made;
  }

  Index Weight(Index tensor, std::string_view name) {
    auto [at, is_new] = weights_.try_emplace(tensor, kNone);
    if (!is_new) return at->second;
    const Index value = AddValue(name, {});
    GraphValue& row = graph_.values[value];
    row.tensor = tensor;
    const Tensor& weight = model_.tensors[tensor];
    row.value_type = {.kind = TypeKind::kTensor, .dtype = weight.dtype, .dims = std::vector<Dim>()};
    for (int64_t size : weight.shape) row.value_type.dims->push_back({.size = size, .symbol = {}});
    row.type = TypeText(row.value_type);
    return at->second = value;
  }

  std::string FullPath(std::string_view path) const {
    const std::string_view around = model_.modules[module_].path;
    return around.empty() ? std::string(path) : fmt::format("{}.{}", around, path);
  }

  Index ModuleAt(std::string_view path) const {
    if (path.empty()) return kNone;
    auto found = names_.modules.find(FullPath(path));
    return found == names_.modules.end() ? kNone : found->second;
  }

  void Spend(uint64_t bytes) {
    if (!exhausted_ && !builder_.TakeText(bytes)) exhausted_ = true;
  }

  ModelBuilder& builder_;
  Model& model_;
  const PartNames& names_;
  const Index module_;
  const Function* function_ = nullptr;
  Graph graph_;
  std::unordered_map<std::string_view, Operand, TextHash> scope_;
  std::unordered_map<std::string, size_t, TextHash> value_names_;
  std::unordered_map<std::string, size_t, TextHash> node_names_;
  std::unordered_map<Index, Index> weights_;                  // by tensor
  std::unordered_map<std::string, Index, TextHash> fetched_;  // what nodes fetched, by path
  std::string_view line_;
  Wanted wanted_;          // the name that the next value gets
  Index renamed_ = kNone;  // the value that an augmented assignment just made
  size_t unread_ = 0;
  bool returned_ = false;
  bool exhausted_ = false;
};

PartNames NamesOf(const Model& model, Index part, Index first_module) {
  PartNames names;
  for (Index i = 0; i < model.tensors.size(); ++i) {
    if (model.tensors[i].part == part) names.tensors.emplace(model.tensors[i].name, i);
  }
  std::vector<Index> todo = {model.parts[part].root};
  while (!todo.empty()) {
    const Index at = todo.back();
    todo.pop_back();
    if (at < first_module) continue;
    const Module& module = model.modules[at];
    names.modules.emplace(module.path, at);
    todo.insert(todo.end(), module.children.begin(), module.children.end());
  }
  return names;
}

}  // namespace

void AddFxGraphs(ModelBuilder& builder, Index first_module) {
  Model& model = builder.model();
  constexpr std::string_view kClass = "torch.fx.graph_module.GraphModule";
  auto has_graph = [&](const Module& module) { return module.class_name == kClass && !module.source.empty(); };
  if (std::none_of(model.modules.begin() + first_module, model.modules.end(), has_graph)) return;
  for (Index part = 0; part < model.parts.size(); ++part) {
    if (model.parts[part].root == kNone || model.parts[part].root < first_module) continue;
    const PartNames names = NamesOf(model, part, first_module);
    std::vector<Index> modules;
    for (const auto& [path, module] : names.modules) {
      if (has_graph(model.modules[module])) modules.push_back(module);
    }
    std::sort(modules.begin(), modules.end());
    for (Index module : modules) {
      const std::string_view source = model.modules[module].source;
      if (!builder.TakeText(source.size())) break;
      auto graph = GraphReader(builder, names, module, part).Read(UnescapeName(source));
      if (!graph) {
        builder.Note(Severity::kWarning, "fx-graph", model.modules[module].path,
                     "its source text holds no forward that can be read, or one that is too large for the file; its "
                     "graph is not shown");
        continue;
      }
      model.graph_roots.push_back(static_cast<Index>(model.graphs.size()));
      model.graphs.push_back(std::move(*graph));
    }
  }
}

}  // namespace pthview
