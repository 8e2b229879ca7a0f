#include "lib/analysis/graphs/simplify.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/analysis/graphs/fold.h"
#include "lib/analysis/graphs/operators.h"
#include "lib/base/text_hash.h"

namespace pthview {
namespace {

constexpr size_t kLongestExpression = 200;

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsTorch(const Node& node) { return node.domain == "aten" || node.domain == "prim"; }

// What a value turned out to be.
struct Known {
  enum class Kind : uint8_t { kNothing, kConstant, kSize, kList, kSame } kind = Kind::kNothing;
  AttributeValue value;      // kConstant
  std::string text;          // kConstant, kSize: what is shown
  std::vector<Index> items;  // kList: values
  bool tuple = false;        // kList
  Index same = kNone;        // kSame: the value it is
};

// The names of constants and sizes that bodies may use.
struct Around {
  const Around* around = nullptr;
  std::unordered_map<std::string_view, const Known*, TextHash> names;

  const Known* Find(std::string_view name) const {
    for (const Around* at = this; at != nullptr; at = at->around) {
      if (auto found = at->names.find(name); found != at->names.end()) return found->second;
    }
    return nullptr;
  }
};

// Whoever runs it does not get behind it.
bool Raises(const Graph& body) {
  return std::any_of(body.nodes.begin(), body.nodes.end(),
                     [](const Node& node) { return node.op == "RaiseException" && node.domain == "prim"; });
}

class Simplifier {
 public:
  Simplifier(Model& model, const Around* around) : model_(model), around_(around) {}

  Graph Run(Graph graph) {  // NOLINT(misc-no-recursion): kDeepestBlock at most
    graph_ = std::move(graph);
    known_.resize(graph_.values.size());
    FindCaptured();
    BorrowFromAround();
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    graph_.nodes.reserve(nodes.size());
    for (Node& node : nodes) Take(std::move(node));
    for (Index& value : graph_.outputs) value = Resolved(value);
    if (around_ == nullptr) SpreadOutputs();
    for (Mutation& mutation : graph_.mutations) mutation.value = Resolved(mutation.value);
    SimplifyBodies();
    DropUnused();
    return std::move(graph_);
  }

 private:
  void FindCaptured() {
    captured_.assign(graph_.values.size(), false);
    for (const auto& values : CapturedValues(model_, graph_)) {
      for (Index value : values) captured_[value] = true;
    }
  }

  // Values that nothing here makes may be constants of a graph around.
  void BorrowFromAround() {
    if (around_ == nullptr) return;
    std::vector<bool> made(graph_.values.size());
    for (Index value : graph_.inputs) made[value] = true;
    for (const Node& node : graph_.nodes) {
      for (const Argument& argument : node.outputs) {
        for (Index value : argument.values) made[value] = true;
      }
    }
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      if (made[i] || graph_.values[i].name.empty() || graph_.values[i].tensor != kNone) continue;
      if (const Known* known = around_->Find(graph_.values[i].name)) known_[i] = *known;
    }
  }

  Index Resolved(Index value) const {
    // Each step goes to a value that was resolved when it was noted.
    return known_[value].kind == Known::Kind::kSame ? known_[value].same : value;
  }

  const AttributeValue* ConstantOf(Index value) const {
    const Known& known = known_[Resolved(value)];
    return known.kind == Known::Kind::kConstant ? &known.value : nullptr;
  }

  // The constant that an argument is, by name or place.
  const AttributeValue* ConstantArgument(const Node& node, std::string_view name, Index position) const {
    for (const Attribute& attribute : node.attributes) {
      if (attribute.name == name || (attribute.name.empty() && attribute.position == position)) return &attribute.value;
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Argument& argument = node.inputs[i];
      Index place = argument.position == kNone ? static_cast<Index>(i) : argument.position;
      bool meant = argument.name.empty() ? place == position : argument.name == name;
      if (meant && argument.values.size() == 1) return ConstantOf(argument.values[0]);
    }
    return nullptr;
  }

  static Index OutputOf(const Node& node) {
    return node.outputs.size() == 1 && node.outputs[0].values.size() == 1 ? node.outputs[0].values[0] : kNone;
  }

  void Note(Index value, Known known) { known_[value] = std::move(known); }

  void Take(Node node) {  // NOLINT(misc-no-recursion): as deep as bodies nest
    for (Argument& argument : node.inputs) {
      for (Index& value : argument.values) value = Resolved(value);
    }
    if (IsConstant(node) || IsCompared(node) || IsList(node) || IsFetched(node) || IsSize(node) ||
        IsPassedThrough(node) || IsCheck(node)) {
      return;
    }
    if (node.op == "If" && IsTorch(node) && Branch(node)) return;
    Settle(node);
    graph_.nodes.push_back(std::move(node));
  }

  bool IsConstant(const Node& node) {
    Index out = OutputOf(node);
    // Of a plain attribute of a module the file may tell the value.
    const bool fetched = node.op == "GetAttr" && !node.attributes.empty() && node.attributes.back().name == "value";
    if ((node.op != "Constant" && !fetched) || node.domain != "prim" || out == kNone) return false;
    Known known{.kind = Known::Kind::kConstant, .value = {NoneValue{}}, .text = "None"};
    for (const Attribute& attribute : node.attributes) {
      known.value = attribute.value;
      known.text = attribute.text;
    }
    if (const auto* tensor = known.value.Get<TensorValue>(); tensor != nullptr && tensor->tensor != kNone) {
      graph_.values[out].tensor = tensor->tensor;
      return true;
    }
    Note(out, std::move(known));
    return true;
  }

  // Two constants compared, numbers or with None; what `not` makes of one.
  bool IsCompared(const Node& node) {
    const Index out = OutputOf(node);
    if (node.domain != "aten" || out == kNone || !node.attributes.empty()) return false;
    std::vector<double> numbers;
    std::vector<bool> none;
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) {
        const AttributeValue* constant = ConstantOf(value);
        if (constant == nullptr) return false;
        none.push_back(constant->Is<NoneValue>());
        const bool* flag = constant->Get<bool>();
        const auto number = flag != nullptr ? std::optional<double>(*flag ? 1 : 0) : constant->Float();
        if (number) numbers.push_back(*number);
      }
    }
    std::optional<bool> result;
    if (none.size() == 2 && (none[0] || none[1])) {
      if (node.op == "__is__") result = none[0] == none[1];
      if (node.op == "__isnot__") result = none[0] != none[1];
    }
    if (none.size() == 1 && numbers.size() == 1 && node.op == "__not__") result = numbers[0] == 0;
    if (numbers.size() == 2) {
      const double a = numbers[0];
      const double b = numbers[1];
      if (node.op == "lt") result = a < b;
      if (node.op == "le") result = a <= b;
      if (node.op == "gt") result = a > b;
      if (node.op == "ge") result = a >= b;
      if (node.op == "eq") result = a == b;
      if (node.op == "ne") result = a != b;
    }
    if (!result) return false;
    Note(out, {.kind = Known::Kind::kConstant, .value = {*result}, .text = *result ? "True" : "False"});
    return true;
  }

  bool IsList(const Node& node) {
    Index out = OutputOf(node);
    if (node.domain != "prim" || !IsOneOf(node.op, {"ListConstruct", "TupleConstruct"}) || out == kNone) return false;
    if (captured_[out]) return false;  // a body speaks of it by its name
    Known known{.kind = Known::Kind::kList, .tuple = node.op == "TupleConstruct"};
    for (const Argument& argument : node.inputs) {
      known.items.insert(known.items.end(), argument.values.begin(), argument.values.end());
    }
    Note(out, std::move(known));
    return true;
  }

  // A weight is used under its own name wherever it was fetched.
  bool IsFetched(const Node& node) {
    Index out = OutputOf(node);
    return node.op == "GetAttr" && node.domain == "prim" && out != kNone && graph_.values[out].tensor != kNone;
  }

  bool IsSize(const Node& node) {
    Index out = OutputOf(node);
    if (out == kNone) return false;
    const bool arithmetic = node.domain == "aten" && IsOneOf(node.op, {"add", "sub", "mul", "div", "floor_divide",
                                                                       "floordiv", "remainder", "neg"});
    bool any_size = false;
    bool all_known = true;
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) {
        const Known::Kind kind = known_[value].kind;
        any_size |= kind == Known::Kind::kSize;
        all_known &= kind == Known::Kind::kSize || kind == Known::Kind::kConstant;
      }
    }
    if (arithmetic ? !(any_size && all_known) : !ComputesSizes(node)) return false;
    if (!arithmetic && !all_known && !IsNumber(graph_.values[out])) return false;
    const GraphValue& value = graph_.values[out];
    std::string text = value.value_type.name;  // "s0 + 1", where the file says what it is
    if (text.empty()) text = ExpressionOf(node);
    Note(out, {.kind = Known::Kind::kSize, .value = {}, .text = std::move(text)});
    return true;
  }

  static bool IsNumber(const GraphValue& value) {
    const ValueType* type = &value.value_type;
    if (type->kind == TypeKind::kList && type->items.size() == 1) type = type->items.data();
    return type->kind == TypeKind::kInt || type->kind == TypeKind::kBool || type->kind == TypeKind::kFloat ||
           type->kind == TypeKind::kNumber;
  }

  // "size(x, 0)", "(size(x, 0) * 2)"; conversions show what they convert.
  std::string ExpressionOf(const Node& node) const {
    std::vector<std::string> parts;
    for (const Argument& argument : node.inputs) {
      for (Index value : argument.values) parts.push_back(TextOf(value));
    }
    for (const Attribute& attribute : node.attributes) parts.push_back(attribute.text);
    constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
        {"add", "+"},       {"sub", "-"},           {"mul", "*"},       {"div", "/"}, {"truediv", "/"},
        {"floordiv", "//"}, {"floor_divide", "//"}, {"remainder", "%"}, {"mod", "%"}};
    std::string text;
    for (const auto& [op, sign] : kSigns) {
      if (node.op == op && parts.size() >= 2) text = "(" + parts[0] + " " + std::string(sign) + " " + parts[1] + ")";
    }
    if (text.empty() && parts.size() == 1 &&
        IsOneOf(node.op, {"Int", "NumToTensor", "ScalarImplicit", "IntImplicit", "Float", "Bool"})) {
      text = parts[0];
    }
    if (text.empty()) {
      text = (node.op.starts_with("sym_") ? node.op.substr(4) : node.op) + "(";
      for (size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? ", " : "") + parts[i];
      text += ")";
    }
    return text.size() <= kLongestExpression ? text : "...";
  }

  std::string TextOf(Index value) const {
    const Known& known = known_[value];
    if (known.kind == Known::Kind::kConstant || known.kind == Known::Kind::kSize) return known.text;
    if (known.kind == Known::Kind::kList) return "[...]";
    const GraphValue& row = graph_.values[value];
    if (row.tensor != kNone) return std::string(model_.tensors[row.tensor].name);
    return row.name.empty() ? "None" : row.name;
  }

  bool IsPassedThrough(const Node& node) {
    Index out = OutputOf(node);
    if (out == kNone || captured_[out] || node.inputs.empty() || node.inputs[0].values.size() != 1 || !IsTorch(node)) {
      return false;
    }
    bool same = IsOneOf(
        node.op, {"detach", "detach_", "alias", "lift_fresh_copy", "unchecked_cast", "unchecked_unwrap_optional"});
    if (!same && OperatorCategory(node) == "Dropout" && node.op.find("native") == std::string::npos) {
      const AttributeValue* train = ConstantArgument(node, "train", 2);
      const AttributeValue* chance = ConstantArgument(node, "p", 1);
      same = (train != nullptr && train->Is<bool>() && !*train->Get<bool>()) ||
             (chance != nullptr && chance->Float() == 0.0);
    }
    if (same)
      Note(out, {.kind = Known::Kind::kSame,
                 .value = {},
                 .text = {},
                 .items = {},
                 .tuple = false,
                 .same = node.inputs[0].values[0]});
    return same;
  }

  static bool IsCheck(const Node& node) {
    return node.outputs.empty() && node.blocks.empty() &&
           (node.op.starts_with("_assert") || node.op.starts_with("sym_constrain_range") ||
            node.op == "RaiseException");
  }

  // A branch that always runs stands where the If stood.
  bool Branch(const Node& node) {  // NOLINT(misc-no-recursion): as deep as bodies nest
    if (node.blocks.size() != 2 || node.inputs.size() != 1 || node.inputs[0].values.size() != 1) return false;
    const AttributeValue* condition = ConstantOf(node.inputs[0].values[0]);
    size_t taken = 2;
    if (condition != nullptr && condition->Is<bool>()) taken = *condition->Get<bool>() ? 0 : 1;
    if (taken == 2 && Raises(model_.graphs[node.blocks[0]])) taken = 1;
    if (taken == 2 && Raises(model_.graphs[node.blocks[1]])) taken = 0;
    if (taken == 2) return false;
    Inline(node, model_.graphs[node.blocks[taken]]);
    return true;
  }

  void Inline(const Node& node, Graph body) {  // NOLINT(misc-no-recursion): as deep as bodies nest
    ReadNames();
    std::vector<bool> made(body.values.size());
    for (const Node& inner : body.nodes) {
      for (const Argument& argument : inner.outputs) {
        for (Index value : argument.values) made[value] = true;
      }
    }
    std::vector<Index> to(body.values.size());
    for (size_t i = 0; i < body.values.size(); ++i) {
      GraphValue& value = body.values[i];
      auto found = value_names_.find(value.name);
      if (!made[i] && found != value_names_.end()) {
        to[i] = found->second;
        continue;
      }
      while (!value.name.empty() && value_names_.contains(value.name)) value.name += '\'';
      to[i] = static_cast<Index>(graph_.values.size());
      if (!value.name.empty()) value_names_.emplace(value.name, to[i]);
      graph_.values.push_back(std::move(value));
      Known known;
      if (!made[i] && around_ != nullptr) {
        if (const Known* outer = around_->Find(graph_.values.back().name)) known = *outer;
      }
      known_.push_back(std::move(known));
      captured_.push_back(false);
    }
    for (Node& inner : body.nodes) {
      while (!inner.name.empty() && !node_names_.insert(inner.name).second) inner.name += '\'';
      for (auto* arguments : {&inner.inputs, &inner.outputs}) {
        for (Argument& argument : *arguments) {
          for (Index& value : argument.values) value = to[value];
        }
      }
      if (!inner.blocks.empty()) {  // they speak of values by name; those keep theirs
        for (const Argument& argument : inner.outputs) {
          for (Index value : argument.values) captured_[value] = true;
        }
      }
      Take(std::move(inner));
    }
    size_t next = 0;
    for (const Argument& argument : node.outputs) {
      for (Index value : argument.values) {
        if (next >= body.outputs.size()) return;
        Index from = Resolved(to[body.outputs[next++]]);
        if (captured_[value] && known_[from].kind == Known::Kind::kNothing) {
          Keep(value, from);
        } else if (known_[from].kind == Known::Kind::kNothing) {
          known_[value].kind = Known::Kind::kSame;
          known_[value].same = from;
        } else {
          known_[value] = known_[from];
        }
      }
    }
  }

  // A value that bodies call by its name keeps it: as the result of a node that says so.
  void Keep(Index value, Index from) {
    Node node{.name = graph_.values[value].name, .domain = "prim", .op = "Identity"};
    node.inputs.push_back({"", {from}});
    node.outputs.push_back({"", {value}});
    while (!node.name.empty() && !node_names_.insert(node.name).second) node.name += '\'';
    graph_.nodes.push_back(std::move(node));
  }

  void ReadNames() {
    if (!value_names_.empty()) return;
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      if (!graph_.values[i].name.empty()) value_names_.emplace(graph_.values[i].name, static_cast<Index>(i));
    }
    for (const Node& node : graph_.nodes) node_names_.insert(node.name);
  }

  // What is known of the inputs becomes attributes.
  void Settle(Node& node) {
    std::vector<Argument> inputs;
    for (Argument& argument : node.inputs) {
      bool plain = std::all_of(argument.values.begin(), argument.values.end(),
                               [&](Index value) { return known_[value].kind == Known::Kind::kNothing; });
      if (plain) {
        inputs.push_back(std::move(argument));
        continue;
      }
      // An attribute of the same place shows the whole already: [2, s0].
      for (Attribute& attribute : node.attributes) {
        if (attribute.position == argument.position && attribute.position != kNone) {
          ShowSizes(attribute);
          plain = true;
        }
      }
      if (plain) continue;
      Argument left{.name = argument.name, .values = {}, .position = argument.position};
      Attribute attribute{.name = argument.name, .text = {}};
      attribute.position = argument.position;
      const bool many = argument.values.size() > 1;
      if (many) attribute.text = "[";
      for (Index value : argument.values) {
        if (attribute.text.size() > 1) attribute.text += ", ";
        Append(value, attribute, left, 0);
      }
      if (many) attribute.text += "]";
      if (many) attribute.value = {};
      if (!(left.values.size() == argument.values.size() || OnlyValues(argument)))
        node.attributes.push_back(std::move(attribute));
      if (!left.values.empty()) inputs.push_back(std::move(left));
    }
    node.inputs = std::move(inputs);
  }

  bool OnlyValues(const Argument& argument) const {
    return std::all_of(argument.values.begin(), argument.values.end(), [&](Index value) {
      const Known& known = known_[value];
      return known.kind == Known::Kind::kNothing ||
             (known.kind == Known::Kind::kList && std::all_of(known.items.begin(), known.items.end(), [&](Index item) {
                return known_[item].kind == Known::Kind::kNothing;
              }));
    });
  }

  // Adds one value to an attribute's text and, where it is a constant, its value; what stays a value goes to `left`.
  // NOLINTNEXTLINE(misc-no-recursion): kDeepestAttribute at most
  void Append(Index value, Attribute& attribute, Argument& left, int depth) {
    const Known& known = known_[value];
    switch (known.kind) {
      case Known::Kind::kConstant:
        attribute.text += known.text;
        attribute.value = known.value;
        return;
      case Known::Kind::kSize:
        attribute.text += known.text;
        attribute.value = {};
        return;
      case Known::Kind::kList: {
        ListValue list{.items = {}, .tuple = known.tuple};
        bool constant = depth < kDeepestAttribute;
        attribute.text += known.tuple ? "(" : "[";
        for (size_t i = 0; i < known.items.size() && depth < kDeepestAttribute; ++i) {
          if (i > 0) attribute.text += ", ";
          attribute.value = {};
          Append(Resolved(known.items[i]), attribute, left, depth + 1);
          constant &= attribute.value.typed();
          if (constant) list.items.push_back(attribute.value);
        }
        attribute.text += known.tuple ? ")" : "]";
        attribute.value = constant ? AttributeValue{std::move(list)} : AttributeValue{};
        return;
      }
      case Known::Kind::kNothing:
      case Known::Kind::kSame: break;
    }
    left.values.push_back(value);
    attribute.text += TextOf(value);
    attribute.value = {};
  }

  // [2, <value>] with sizes for the values that are some.
  void ShowSizes(Attribute& attribute) const {
    const auto* list = attribute.value.Get<ListValue>();
    if (list == nullptr) return;
    std::string text = "[";
    for (const AttributeValue& item : list->items) {
      if (text.size() > 1) text += ", ";
      const auto* used = item.Get<ValueReference>();
      text += used == nullptr ? AttributeText(item) : TextOf(used->value);
    }
    attribute.text = text + "]";
    attribute.value = {};
  }

  // A graph returns the items of a list that it makes itself.
  void SpreadOutputs() {
    std::vector<Index> outputs;
    for (Index value : graph_.outputs) {
      const Known& known = known_[value];
      if (known.kind != Known::Kind::kList) {
        outputs.push_back(value);
        continue;
      }
      for (Index item : known.items) {
        item = Resolved(item);
        if (known_[item].kind == Known::Kind::kNothing) outputs.push_back(item);
      }
    }
    graph_.outputs = std::move(outputs);
  }

  void SimplifyBodies() {  // NOLINT(misc-no-recursion): kDeepestBlock at most
    Around here{around_, {}};
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const Known& known = known_[i];
      if (known.kind == Known::Kind::kConstant || known.kind == Known::Kind::kSize) {
        here.names.emplace(graph_.values[i].name, &known);
      }
    }
    for (const Node& node : graph_.nodes) {
      for (Index block : node.blocks) {
        Graph body = std::move(model_.graphs[block]);
        model_.graphs[block] = Simplifier(model_, &here).Run(std::move(body));
      }
    }
  }

  // An If whose branches do nothing but give results.
  bool OnlyChooses(const Node& node) const {
    return node.domain == "prim" && node.op == "If" &&
           std::all_of(node.blocks.begin(), node.blocks.end(),
                       [&](Index block) { return model_.graphs[block].nodes.empty(); });
  }

  bool Compares(const Node& node) const {
    const Index out = OutputOf(node);
    return node.domain == "aten" && out != kNone && graph_.values[out].value_type.kind == TypeKind::kBool;
  }

  // From the end: nodes that only fetch or prepare, and whose results nothing uses any more.
  void DropUnused() {
    std::vector<bool> used(graph_.values.size());
    for (Index value : graph_.outputs) used[value] = true;
    for (const Mutation& mutation : graph_.mutations) used[mutation.value] = true;
    std::vector<std::vector<Index>> captured = CapturedValues(model_, graph_);
    std::vector<bool> keep(graph_.nodes.size());
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[i];
      bool wanted = !OnlyChooses(node) &&
                    !(node.domain == "prim" && IsOneOf(node.op, {"GetAttr", "ListConstruct", "TupleConstruct",
                                                                 "DictConstruct", "Identity", "dtype", "device"})) &&
                    !ComputesSizes(node);
      for (const Argument& argument : node.outputs) {
        for (Index value : argument.values) wanted = wanted || used[value];
      }
      keep[i] = wanted;
      if (!wanted) continue;
      for (const Argument& argument : node.inputs) {
        for (Index value : argument.values) used[value] = true;
      }
      if (!captured.empty()) {
        for (Index value : captured[i]) used[value] = true;
      }
    }
    size_t at = 0;
    std::erase_if(graph_.nodes, [&](const Node&) { return !keep[at++]; });
  }

  Model& model_;
  const Around* around_;
  Graph graph_;
  std::vector<Known> known_;    // by value
  std::vector<bool> captured_;  // by value: a body speaks of it
  std::unordered_map<std::string, Index, TextHash> value_names_;
  std::unordered_set<std::string, TextHash> node_names_;
};

// Graphs that nothing reaches any more go, and the others are numbered anew in their order.
void Compact(Model& model) {
  std::vector<Index> to(model.graphs.size(), kNone);
  std::vector<Index> todo = model.graph_roots;
  while (!todo.empty()) {
    Index at = todo.back();
    todo.pop_back();
    to[at] = 0;
    for (const Node& node : model.graphs[at].nodes) todo.insert(todo.end(), node.blocks.begin(), node.blocks.end());
  }
  std::vector<Graph> kept;
  for (size_t i = 0; i < model.graphs.size(); ++i) {
    if (to[i] == kNone) continue;
    to[i] = static_cast<Index>(kept.size());
    kept.push_back(std::move(model.graphs[i]));
  }
  for (Graph& graph : kept) {
    for (Node& node : graph.nodes) {
      for (Index& block : node.blocks) block = to[block];
      for (Attribute& attribute : node.attributes) {
        if (auto* body = std::get_if<GraphReference>(&attribute.value.of)) body->graph = to[body->graph];
      }
    }
  }
  for (Index& root : model.graph_roots) root = to[root];
  model.graphs = std::move(kept);
}

}  // namespace

void SimplifyGraphs(Model& model) {
  for (Index root : model.graph_roots) {
    if (model.graphs[root].origin != Origin::kRecorded) continue;
    Graph graph = std::move(model.graphs[root]);
    model.graphs[root] = Simplifier(model, nullptr).Run(std::move(graph));
  }
  Compact(model);
}

}  // namespace pthview
