// What the emitter writes is structured, and so read back by its shape:
//
//   condition; JF else; ...; JMP end; else: ...; end:                 prim::If
//   0; most; condition; carried; LOOP end, n; STOREN; ...; JMP LOOP; end:   prim::Loop
//
// How many results an operator has is not written; what follows tells: STOREN n takes n, all else takes one, and one
// with none is known by its name.
#include "lib/formats/script/bytecode_graph.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/model/path.h"

namespace pthview {
namespace {

using bytecode::Function;
using bytecode::Instruction;
using bytecode::Opcode;
using bytecode::PlainRow;

constexpr int kMaxNesting = 32;
constexpr size_t kMostFunctions = 10'000;

struct Names {
  std::unordered_map<std::string_view, Index, TextHash> tensors;
  std::unordered_map<std::string_view, Index, TextHash> modules;
};

// On the stack or in a register.
struct Item {
  enum class Kind : uint8_t { kValue, kConstant, kObject };
  Kind kind = Kind::kValue;
  Index value = kNone;     // kValue: into Machine::values_
  Index constant = kNone;  // kConstant: into Machine::constants_
  std::string path;        // kObject: of an attribute of the module; kNowhere of another object
};
constexpr std::string_view kNowhere = "?";

class Machine {
 public:
  Machine(const Function& function, bytecode::Slots& slots, const Names& names, Index part, ModelBuilder& builder)
      : function_(function),
        slots_(slots),
        names_(names),
        part_(part),
        builder_(builder),
        model_(builder.model()),
        constants_(function.constants) {}

  // False when the function cannot be followed; `why` says it. What was added to Model::graphs behind `graph` is to be
  // taken away then.
  bool Read(Graph& graph, bool of_module) {
    Scope scope;
    scope.graph.part = part_;
    if (!Arguments(scope, of_module) || !Run(scope, 0, function_.code.size(), 0)) return false;
    if (!returned_) return Fail("it does not return");
    graph = std::move(scope.graph);
    return true;
  }
  const std::string& why() const { return why_; }

 private:
  // A value of the function, in whichever graphs it is used.
  struct MachineValue {
    std::string name;
    std::string type;
    ValueType value_type;
    Index tensor = kNone;
  };
  struct Scope {
    Graph graph;
    std::unordered_map<Index, Index> values;  // into Graph::values, by Machine::values_
    std::unordered_map<std::string, size_t, TextHash> nodes;
  };

  bool Fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }

  // ---- values ----

  Index NewValue(std::string_view base, std::string_view type = {}) {
    MachineValue value;
    const std::string plain = EscapeName(base);
    value.name = plain;
    for (size_t& times = value_names_[plain]; times++ > 0;) {
      value.name = fmt::format("{}_{}", plain, times - 1);
      if (value_names_.emplace(value.name, 1).second) break;
    }
    value.type = EscapeName(type);
    value.value_type = bytecode::TypeOf(type);
    values_.push_back(std::move(value));
    return static_cast<Index>(values_.size() - 1);
  }

  Index InGraph(Scope& scope, Index value) {
    auto [at, is_new] = scope.values.try_emplace(value, static_cast<Index>(scope.graph.values.size()));
    if (is_new) {
      const MachineValue& from = values_[value];
      scope.graph.values.push_back({from.name, from.type, from.tensor, from.value_type});
    }
    return at->second;
  }

  Index Weight(Index tensor) {
    auto [at, is_new] = weights_.try_emplace(tensor, kNone);
    if (!is_new) return at->second;
    const Tensor& row = model_.tensors[tensor];
    const Index value = NewValue(row.name);
    values_[value].tensor = tensor;
    ValueType& type = values_[value].value_type;
    type = {.kind = TypeKind::kTensor, .dtype = row.dtype, .dims = std::vector<Dim>()};
    for (int64_t size : row.shape) type.dims->push_back({.size = size, .symbol = {}});
    values_[value].type = TypeText(type);
    return at->second = value;
  }

  bool Pop(Item& item) {
    if (stack_.size() <= floor_) return Fail("an instruction takes more than stands on the stack");
    item = std::move(stack_.back());
    stack_.pop_back();
    return true;
  }

  bool PopMany(size_t count, std::vector<Item>& items) {
    if (count > stack_.size() - floor_) return Fail("an instruction takes more than stands on the stack");
    items.assign(std::make_move_iterator(stack_.end() - static_cast<ptrdiff_t>(count)),
                 std::make_move_iterator(stack_.end()));
    stack_.resize(stack_.size() - count);
    return true;
  }

  // ---- nodes ----

  // What an object's path stands for becomes a value: a weight, or what a node fetches.
  Index ValueOf(Scope& scope, const Item& item) {
    if (item.kind == Item::Kind::kValue) return item.value;
    if (auto found = names_.tensors.find(item.path); found != names_.tensors.end()) return Weight(found->second);
    Node node{.domain = "prim", .op = "GetAttr"};
    node.attributes.push_back(TypedAttribute("name", {std::string(item.path)}));
    const Index value = NewValue(item.path.empty() ? "self" : std::string_view(item.path));
    node.outputs.push_back({.name = {}, .values = {InGraph(scope, value)}});
    Append(scope, std::move(node));
    return value;
  }

  void AddArgument(Scope& scope, Node& node, const Item& item, Index position) {
    if (item.kind == Item::Kind::kConstant) {
      Attribute attribute = constants_[item.constant];
      attribute.position = position;
      Spend(attribute.text.size());
      node.attributes.push_back(std::move(attribute));
      return;
    }
    const Index value = ValueOf(scope, item);
    pthview::Argument argument{.values = {InGraph(scope, value)}, .position = position};
    if (values_[value].tensor != kNone) {
      const std::string_view name = model_.tensors[values_[value].tensor].name;
      const size_t dot = name.rfind('.');
      argument.name = name.substr(dot == std::string_view::npos ? 0 : dot + 1);
      TellModule(node, name.substr(0, dot == std::string_view::npos ? 0 : dot));
    }
    node.inputs.push_back(std::move(argument));
  }

  // Programs for mobile do not say of which module an operator is; the weights that it takes do.
  void TellModule(Node& node, std::string_view path) {
    if (auto found = names_.modules.find(path); found != names_.modules.end() && node.module == kNone) {
      node.module = found->second;
    }
  }

  void Append(Scope& scope, Node node) {
    std::string base = node.op;
    if (!node.outputs.empty()) base = scope.graph.values[node.outputs[0].values[0]].name;
    node.name = base;
    for (size_t& times = scope.nodes[base]; times++ > 0;) {
      node.name = fmt::format("{}#{}", base, times);
      if (scope.nodes.emplace(node.name, 1).second) break;
    }
    Spend(sizeof(Node));
    scope.graph.nodes.push_back(std::move(node));
  }

  bool Spend(uint64_t bytes) {
    if (!exhausted_ && !builder_.TakeText(bytes)) exhausted_ = true;
    return !exhausted_ || Fail("it is larger than such a file can be");
  }

  // A node of `items`, whose `results` go on the stack.
  bool Add(Scope& scope, Node node, const std::vector<Item>& items, size_t results) {
    for (size_t i = 0; i < items.size(); ++i) AddArgument(scope, node, items[i], static_cast<Index>(i));
    if (!Spend(results * (sizeof(GraphValue) + sizeof(MachineValue)))) return false;
    for (size_t i = 0; i < results; ++i) {
      const Index value = NewValue(node.op);
      node.outputs.push_back({.name = {}, .values = {InGraph(scope, value)}});
      stack_.push_back({.value = value});
    }
    Append(scope, std::move(node));
    return true;
  }

  // Lists and tuples of constants are constants.
  bool AddPlain(Scope& scope, const PlainRow& row, const Instruction& at) {
    const int64_t takes = row.takes == PlainRow::kX ? at.x : row.takes == PlainRow::kN ? at.n : row.takes;
    std::vector<Item> items;
    if (takes < 0 || !PopMany(static_cast<size_t>(takes), items)) return Fail("an instruction takes a negative count");
    const bool sequence = at.op == Opcode::kListConstruct || at.op == Opcode::kTupleConstruct;
    const bool constant = sequence && std::all_of(items.begin(), items.end(), [&](const Item& item) {
                            return item.kind == Item::Kind::kConstant && constants_[item.constant].value.typed();
                          });
    if (constant) return AddConstantList(items, at.op == Opcode::kTupleConstruct);
    Node node{.domain = std::string(row.domain), .op = std::string(row.name)};
    const bool typed = at.op == Opcode::kNamedTupleConstruct || at.op == Opcode::kCreateObject ||
                       at.op == Opcode::kListConstruct || at.op == Opcode::kDictConstruct ||
                       at.op == Opcode::kIsInstance;
    if (!Add(scope, std::move(node), items, 1)) return false;
    if (typed && at.x >= 0 && static_cast<size_t>(at.x) < function_.types.size()) {
      const std::string& type = function_.types[static_cast<size_t>(at.x)];
      if (at.op == Opcode::kIsInstance) {
        scope.graph.nodes.back().attributes.push_back(TypedAttribute("type", {EscapeName(type)}));
      } else {
        GraphValue& made = scope.graph.values[scope.graph.nodes.back().outputs[0].values[0]];
        made.type = values_[stack_.back().value].type = EscapeName(type);
      }
    }
    if (at.op == Opcode::kTupleSlice) {
      scope.graph.nodes.back().attributes.push_back(TypedAttribute("beg", {int64_t{at.x}}));
      scope.graph.nodes.back().attributes.push_back(TypedAttribute("end", {int64_t{at.x} + at.n}));
    }
    return true;
  }

  bool AddConstantList(const std::vector<Item>& items, bool tuple) {
    ListValue list{.items = {}, .tuple = tuple};
    uint64_t bytes = sizeof(Attribute);
    for (const Item& item : items) bytes += sizeof(AttributeValue) + constants_[item.constant].text.size() * 8;
    if (!Spend(bytes)) return false;
    int depth = 0;
    for (const Item& item : items) {
      list.items.push_back(constants_[item.constant].value);
      depth = std::max(depth, DepthOf(item.constant));
    }
    if (depth + 1 >= kDeepestAttribute) return Fail("its lists of constants nest too deep");
    const auto index = static_cast<Index>(constants_.size());
    constants_.push_back(TypedAttribute({}, {std::move(list)}));
    depths_[index] = depth + 1;
    stack_.push_back({.kind = Item::Kind::kConstant, .constant = index});
    return true;
  }

  int DepthOf(Index constant) const {
    auto found = depths_.find(constant);
    return found == depths_.end() ? 1 : found->second;
  }

  // ---- instructions ----

  bool Arguments(Scope& scope, bool of_module) {
    size_t count = function_.arguments.size();
    if (count == 0 && !function_.code.empty()) {
      const Instruction& first = function_.code[0];
      count = first.op == Opcode::kStoreN ? first.n : first.op == Opcode::kStore ? 1 : 0;
    }
    for (size_t i = 0; i < count; ++i) {
      if (i == 0) {
        stack_.push_back({.kind = Item::Kind::kObject, .path = of_module ? "" : std::string(kNowhere)});
        continue;
      }
      const bool known = i < function_.arguments.size();
      const Index value = NewValue(known ? function_.arguments[i].name : fmt::format("x{}", i),
                                   known ? function_.arguments[i].type : "");
      scope.graph.inputs.push_back(InGraph(scope, value));
      stack_.push_back({.value = value});
    }
    return true;
  }

  bool Run(Scope& scope, size_t begin, size_t end, int depth) {  // NOLINT(misc-no-recursion): kMaxNesting at most
    if (depth > kMaxNesting)
      return Fail(fmt::format("its branches stand inside each other more than {} deep", kMaxNesting));
    for (size_t pc = begin; pc < end;) {
      const Instruction& at = function_.code[pc];
      size_t next = pc + 1;
      if (at.op == Opcode::kJumpIfFalse) {
        if (!Branch(scope, pc, end, depth, next)) return false;
      } else if (at.op == Opcode::kLoop) {
        if (!Loop(scope, pc, end, depth, next)) return false;
      } else if (at.op == Opcode::kReturn) {
        if (depth > 0 || pc + 1 != end) return Fail("it returns inside a branch");
        return Return(scope);
      } else if (!Step(scope, at, pc + 1 < end ? &function_.code[pc + 1] : nullptr)) {
        return false;
      }
      if (exhausted_) return false;
      pc = next;
    }
    return true;
  }

  bool Return(Scope& scope) {
    returned_ = true;
    while (stack_.size() > floor_) {
      std::vector<Item> items;
      if (!PopMany(1, items)) return false;
      if (items[0].kind == Item::Kind::kConstant) continue;
      scope.graph.outputs.push_back(InGraph(scope, ValueOf(scope, items[0])));
    }
    std::reverse(scope.graph.outputs.begin(), scope.graph.outputs.end());
    return true;
  }

  bool Step(Scope& scope, const Instruction& at, const Instruction* next) {
    std::vector<Item> items;
    switch (at.op) {
      case Opcode::kOp:
      case Opcode::kOpN: return Operate(scope, at, next);
      case Opcode::kLoad:
      case Opcode::kMove: {
        auto found = registers_.find(at.x);
        if (found == registers_.end()) return Fail("it reads a register that nothing was stored in");
        stack_.push_back(found->second);
        return true;
      }
      case Opcode::kStore:
      case Opcode::kStoreN: {
        const size_t count = at.op == Opcode::kStore ? 1 : at.n;
        if (!PopMany(count, items)) return false;
        for (size_t i = 0; i < count; ++i) registers_[int64_t{at.x} + static_cast<int64_t>(i)] = std::move(items[i]);
        return true;
      }
      case Opcode::kDrop: return PopMany(1, items);
      case Opcode::kDropR: return true;
      case Opcode::kLoadC:
        if (at.x < 0 || static_cast<size_t>(at.x) >= function_.constants.size()) return Fail("it names no constant");
        stack_.push_back({.kind = Item::Kind::kConstant, .constant = static_cast<Index>(at.x)});
        return true;
      case Opcode::kUncheckedCast: return stack_.size() > floor_ || Fail("the stack is empty");
      case Opcode::kGetAttr: return FetchAttribute(scope, at);
      case Opcode::kSetAttr: {
        Node node{.domain = "prim", .op = "SetAttr"};
        if (!PopMany(2, items)) return false;
        node.attributes.push_back(TypedAttribute("name", {SlotName(items[0], at.x)}));
        return Add(scope, std::move(node), {items[1]}, 0);
      }
      case Opcode::kListUnpack:
        if (at.x < 0 || !PopMany(1, items)) return Fail("it unpacks nothing");
        return Add(scope, {.domain = "prim", .op = "ListUnpack"}, items, static_cast<size_t>(at.x));
      case Opcode::kInterfaceCall: {
        if (at.x < 0 || static_cast<size_t>(at.x) >= constants_.size() || !PopMany(at.n, items)) {
          return Fail("a call is not understood");
        }
        Node node{.domain = "prim", .op = "CallMethod"};
        node.attributes.push_back(TypedAttribute("name", {constants_[static_cast<size_t>(at.x)].text}));
        return Add(scope, std::move(node), items, 1);
      }
      case Opcode::kRaiseException:
      case Opcode::kWarn:
        items.assign(std::make_move_iterator(stack_.begin() + static_cast<ptrdiff_t>(floor_)),
                     std::make_move_iterator(stack_.end()));
        if (at.op == Opcode::kWarn) items.erase(items.begin(), items.end() - std::min<ptrdiff_t>(2, std::ssize(items)));
        stack_.resize(stack_.size() - items.size());
        return Add(scope,
                   {.domain = at.op == Opcode::kWarn ? "aten" : "prim",
                    .op = at.op == Opcode::kWarn ? "warn" : "RaiseException"},
                   items, 0);
      default: break;
    }
    for (const PlainRow& row : bytecode::PlainRows()) {
      if (row.op == at.op) return AddPlain(scope, row, at);
    }
    return Fail(fmt::format("it has an instruction ({}) that is not followed", static_cast<int>(at.op)));
  }

  bool Operate(Scope& scope, const Instruction& at, const Instruction* next) {
    if (at.x < 0 || static_cast<size_t>(at.x) >= function_.operators.size()) return Fail("it names no operator");
    const bytecode::Operator& op = function_.operators[static_cast<size_t>(at.x)];
    const int64_t takes = at.op == Opcode::kOpN ? at.n : op.arguments;
    if (takes < 0) return Fail("the file is of a bytecode version that does not say how many arguments operators take");
    std::vector<Item> items;
    if (!PopMany(static_cast<size_t>(takes), items)) return false;
    size_t results = bytecode::HasNoResult(op) ? 0 : 1;
    if (next != nullptr && next->op == Opcode::kStoreN) results = next->n;
    return Add(scope, NodeOf(op), items, results);
  }

  static Node NodeOf(const bytecode::Operator& op) {
    Node node{.overload = EscapeName(op.overload)};
    const size_t colons = op.name.find("::");
    if (colons != std::string::npos) node.domain = EscapeName(std::string_view(op.name).substr(0, colons));
    node.op = EscapeName(std::string_view(op.name).substr(colons == std::string::npos ? 0 : colons + 2));
    return node;
  }

  std::string SlotName(const Item& object, int32_t slot) {
    std::optional<std::string> name;
    if (object.kind == Item::Kind::kObject && object.path != kNowhere && slot >= 0) {
      name = slots_.NameOf(object.path, static_cast<size_t>(slot));
    }
    return name ? EscapeName(*name) : fmt::format("slot {}", slot);
  }

  bool FetchAttribute(Scope& scope, const Instruction& at) {
    Item object;
    if (!Pop(object)) return false;
    if (object.kind == Item::Kind::kObject && object.path != kNowhere && at.x >= 0) {
      if (auto name = slots_.NameOf(object.path, static_cast<size_t>(at.x))) {
        if (!Spend(object.path.size() + name->size())) return false;
        AppendTextKey(object.path, *name);
        stack_.push_back(std::move(object));
        return true;
      }
    }
    Node node{.domain = "prim", .op = "GetAttr"};
    node.attributes.push_back(TypedAttribute("name", {SlotName(object, at.x)}));
    std::vector<Item> items;
    if (object.kind == Item::Kind::kValue) items.push_back(object);
    return Add(scope, std::move(node), items, 1);
  }

  // ---- control flow ----

  // A body between two instructions. What it leaves on the stack above `floor` are its outputs.
  struct Body {
    Index graph = kNone;
    size_t outputs = 0;
  };
  // NOLINTNEXTLINE(misc-no-recursion): kMaxNesting at most
  bool Inside(Scope& scope, std::string_view name, size_t begin, size_t end, int depth, Body& body) {
    if (!Run(scope, begin, end, depth)) return false;
    std::vector<Item> items;
    if (!PopMany(stack_.size() - floor_, items)) return false;
    for (const Item& item : items) {
      const Index value = item.kind == Item::Kind::kConstant ? Constant(scope, item) : ValueOf(scope, item);
      scope.graph.outputs.push_back(InGraph(scope, value));
    }
    scope.graph.name = name;
    scope.graph.part = part_;
    body.outputs = items.size();
    model_.graphs[body.graph] = std::move(scope.graph);
    return true;
  }

  // A constant that a body gives as it is.
  Index Constant(Scope& scope, const Item& item) {
    Node node{.domain = "prim", .op = "Constant"};
    Attribute attribute = constants_[item.constant];
    attribute.name = "value";
    node.attributes.push_back(std::move(attribute));
    const Index value = NewValue("constant");
    node.outputs.push_back({.name = {}, .values = {InGraph(scope, value)}});
    Append(scope, std::move(node));
    return value;
  }

  Index NewGraph() {
    model_.graphs.emplace_back();
    return static_cast<Index>(model_.graphs.size() - 1);
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxNesting at most
  bool Branch(Scope& scope, size_t pc, size_t end, int depth, size_t& next) {
    const int64_t otherwise = static_cast<int64_t>(pc) + function_.code[pc].x;
    if (function_.code[pc].x < 2 || otherwise > static_cast<int64_t>(end)) return Fail("a branch leads elsewhere");
    const Instruction& jump = function_.code[static_cast<size_t>(otherwise) - 1];
    const int64_t after = otherwise - 1 + jump.x;
    if (jump.op != Opcode::kJump || jump.x < 1 || after > static_cast<int64_t>(end))
      return Fail("a branch leads elsewhere");
    std::vector<Item> condition;
    if (!PopMany(1, condition)) return false;
    Node node{.domain = "prim", .op = "If"};
    const size_t floor = std::exchange(floor_, stack_.size());
    Body bodies[2];
    for (int i = 0; i < 2; ++i) {
      bodies[i].graph = NewGraph();
      if (!Spend(sizeof(Graph))) return false;
      Scope inner;
      const auto from = i == 0 ? pc + 1 : static_cast<size_t>(otherwise);
      const auto to = static_cast<size_t>(i == 0 ? otherwise - 1 : after);
      if (!Inside(inner, i == 0 ? "then" : "else", from, to, depth + 1, bodies[i])) return false;
      node.blocks.push_back(bodies[i].graph);
    }
    floor_ = floor;
    // A branch that raises leaves nothing.
    const size_t results = std::max(bodies[0].outputs, bodies[1].outputs);
    if (bodies[0].outputs != bodies[1].outputs && std::min(bodies[0].outputs, bodies[1].outputs) != 0) {
      return Fail("the two sides of a branch leave different things");
    }
    next = static_cast<size_t>(after);
    return Add(scope, std::move(node), condition, results);
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxNesting at most
  bool Loop(Scope& scope, size_t pc, size_t end, int depth, size_t& next) {
    const Instruction& at = function_.code[pc];
    const int64_t after = static_cast<int64_t>(pc) + at.x;
    if (at.x < 2 || after > static_cast<int64_t>(end) || at.n < 2) return Fail("a loop leads elsewhere");
    const Instruction& jump = function_.code[static_cast<size_t>(after) - 1];
    if (jump.op != Opcode::kJump || after - 1 + jump.x != static_cast<int64_t>(pc))
      return Fail("a loop leads elsewhere");
    std::vector<Item> items;  // the count of rounds so far, the most of them, the condition, what is carried
    if (!PopMany(size_t{at.n} + 1, items)) return false;
    items.erase(items.begin());
    const size_t carried = items.size() - 2;
    const size_t floor = std::exchange(floor_, stack_.size());
    Body body{.graph = NewGraph()};
    Scope inner;
    if (!Spend(sizeof(Graph) + items.size() * sizeof(MachineValue))) return false;
    for (size_t i = 0; i < carried + 1; ++i) {
      const Index value = NewValue(i == 0 ? "i" : "carried", i == 0 ? "int" : "");
      inner.graph.inputs.push_back(InGraph(inner, value));
      stack_.push_back({.value = value});
    }
    if (!Inside(inner, "body", pc + 1, static_cast<size_t>(after) - 1, depth + 1, body)) return false;
    if (body.outputs != carried + 1) return Fail("a loop carries different things than it takes");
    floor_ = floor;
    next = static_cast<size_t>(after);
    return Add(scope, {.domain = "prim", .op = "Loop", .blocks = {body.graph}}, items, carried);
  }

  const Function& function_;
  bytecode::Slots& slots_;
  const Names& names_;
  const Index part_;
  ModelBuilder& builder_;
  Model& model_;
  std::vector<Attribute> constants_;  // of the function, then lists of them
  std::unordered_map<Index, int> depths_;
  std::vector<MachineValue> values_;
  std::unordered_map<std::string, size_t, TextHash> value_names_;
  std::unordered_map<Index, Index> weights_;  // by tensor
  std::vector<Item> stack_;
  std::unordered_map<int64_t, Item> registers_;
  size_t floor_ = 0;  // what stands below is of the code around
  std::string why_;
  bool returned_ = false;
  bool exhausted_ = false;
};

// The operators in order: what is left to say of a function that cannot be followed.
Graph InOrder(const Function& function, ModelBuilder& builder) {
  Graph graph;
  for (const Instruction& at : function.code) {
    if (at.op != Opcode::kOp && at.op != Opcode::kOpN) continue;
    if (at.x < 0 || static_cast<size_t>(at.x) >= function.operators.size()) continue;
    const bytecode::Operator& op = function.operators[static_cast<size_t>(at.x)];
    if (!builder.TakeText(sizeof(Node) + op.name.size())) break;
    const size_t colons = op.name.find("::");
    Node node{.name = std::to_string(graph.nodes.size()), .overload = EscapeName(op.overload)};
    if (colons != std::string::npos) node.domain = EscapeName(std::string_view(op.name).substr(0, colons));
    node.op = EscapeName(std::string_view(op.name).substr(colons == std::string::npos ? 0 : colons + 2));
    graph.nodes.push_back(std::move(node));
  }
  return graph;
}

Names NamesOf(const Model& model, Index part) {
  Names names;
  for (Index i = 0; i < model.tensors.size(); ++i) {
    if (model.tensors[i].part == part) names.tensors.emplace(model.tensors[i].name, i);
  }
  if (model.parts[part].root == kNone) return names;
  std::vector<Index> todo = {model.parts[part].root};
  while (!todo.empty()) {
    const Module& module = model.modules[todo.back()];
    names.modules.emplace(module.path, todo.back());
    todo.pop_back();
    todo.insert(todo.end(), module.children.begin(), module.children.end());
  }
  return names;
}

}  // namespace

void AddBytecodeGraphs(std::span<const Function> functions, bytecode::Slots& slots, Index part, ModelBuilder& builder) {
  Model& model = builder.model();
  const Names names = NamesOf(model, part);
  const Index root = model.parts[part].root;
  const std::string_view class_name = root == kNone ? std::string_view() : model.modules[root].class_name;
  size_t lost = 0;
  std::string first;
  for (const Function& function : functions.first(std::min(functions.size(), kMostFunctions))) {
    const std::string name = EscapeName(function.name);
    const size_t dot = name.rfind('.');
    const std::string_view of = std::string_view(name).substr(0, dot == std::string::npos ? 0 : dot);
    const bool of_module = !class_name.empty() && of == class_name;
    const auto index = static_cast<Index>(model.graphs.size());
    model.graphs.emplace_back();
    Graph graph;
    Machine machine(function, slots, names, part, builder);
    if (!machine.Read(graph, of_module)) {
      model.graphs.resize(index + 1);
      graph = InOrder(function, builder);
      if (lost++ == 0) first = fmt::format("{}: {}", name, machine.why());
      if (graph.nodes.empty()) {
        model.graphs.pop_back();
        continue;
      }
    }
    graph.name = of_module ? name.substr(dot + 1) : name;
    graph.part = part;
    model.graphs[index] = std::move(graph);
    model.graph_roots.push_back(index);
  }
  if (lost > 0) {
    builder.Note(Severity::kWarning, "bytecode-flow", first.substr(0, first.find(':')),
                 fmt::format("what flows between the operators of {} functions is not told ({}); they are shown in the "
                             "order in which they stand",
                             lost, first));
  }
}

}  // namespace pthview
