#include "lib/formats/script/bytecode_pickle.h"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lib/base/escape.h"
#include "lib/base/text_hash.h"
#include "lib/model/path.h"
#include "lib/pickle/print.h"

namespace pthview::bytecode {
namespace {

using pickle::Kind;
using pickle::Tree;
using pickle::Value;

constexpr size_t kLongestText = 1000;  // of a constant that is shown as text

class Reader {
 public:
  Reader(const Tree& tree, ModelBuilder& builder) : tree_(tree), builder_(builder) {}

  Program Read() && {
    for (Value function : tree_.Sequence(tree_.root)) {
      if (function.Is(Kind::kInt)) program_.version = function.integer;
      auto fields = tree_.Sequence(function);
      if (fields.size() < 2) continue;
      if (!fields[0].IsText()) {
        OnlyOperators(fields[1]);
        continue;
      }
      if (!ReadFunction(fields)) {
        builder_.Note(Severity::kWarning, "bytecode-size", "bytecode.pkl",
                      "its functions share what they are made of, and written out are larger than such a file can be; "
                      "the rest is not shown");
        break;
      }
    }
    return std::move(program_);
  }

 private:
  bool Take(uint64_t bytes) { return builder_.TakeText(bytes); }

  bool ReadFunction(std::span<const Value> fields) {
    Function function;
    function.name = fields[0].Text();
    if (!Take(sizeof(Function) + function.name.size())) return false;
    for (Value section : tree_.Sequence(fields[1])) {
      auto named = tree_.Sequence(section);
      if (named.size() != 2 || !named[0].IsText()) continue;
      const std::string_view name = named[0].Text();
      auto rows = tree_.Sequence(named[1]);
      if (!Take(rows.size() * sizeof(Instruction))) return false;
      if (name == "instructions") {
        for (Value row : rows) AddInstruction(function, row);
      } else if (name == "operators") {
        for (Value row : rows) {
          if (!AddOperator(function, row)) return false;
        }
      } else if (name == "constants") {
        for (Value row : rows) {
          if (!AddConstant(function, row)) return false;
        }
      } else if (name == "types") {
        for (Value row : rows) {
          if (!Take(row.length)) return false;
          function.types.emplace_back(row.IsText() ? row.Text() : "");
        }
      }
    }
    if (fields.size() > 2 && !ReadSchema(function, fields[2])) return false;
    program_.functions.push_back(std::move(function));
    return true;
  }

  void AddInstruction(Function& function, Value row) {
    auto fields = tree_.Sequence(row);
    Instruction at;
    if (fields.size() == 3 && fields[0].IsText() && fields[1].Is(Kind::kInt) && fields[2].Is(Kind::kInt)) {
      const bool fits = fields[1].integer == static_cast<int32_t>(fields[1].integer) && fields[2].integer >= 0 &&
                        fields[2].integer <= UINT16_MAX;
      if (fits) {
        at = {OpcodeOf(fields[0].Text()), static_cast<int32_t>(fields[1].integer),
              static_cast<uint16_t>(fields[2].integer)};
      }
    }
    function.code.push_back(at);
  }

  bool AddOperator(Function& function, Value row) {
    auto fields = tree_.Sequence(row);  // (name, overload [, number of arguments])
    Operator op;
    if (fields.size() >= 2 && fields[0].IsText() && fields[1].IsText()) {
      if (!Take(fields[0].length + fields[1].length + sizeof(Operator))) return false;
      op.name = fields[0].Text();
      op.overload = fields[1].Text();
      if (fields.size() > 2 && fields[2].Is(Kind::kInt)) op.arguments = fields[2].integer;
      List(op);
    }
    function.operators.push_back(std::move(op));
    return true;
  }

  void List(const Operator& op) {
    std::string name = op.name;
    if (!op.overload.empty()) name.append(".").append(op.overload);
    if (seen_.insert(name).second) program_.operators.push_back(std::move(name));
  }

  // Of a function without a name.
  void OnlyOperators(Value sections) {
    if (!lists_.insert(Tree::Identity(sections)).second) return;
    Function function;
    for (Value section : tree_.Sequence(sections)) {
      auto named = tree_.Sequence(section);
      if (named.size() != 2 || !named[0].IsText() || named[0].Text() != "operators") continue;
      if (!lists_.insert(Tree::Identity(named[1])).second) continue;
      for (Value row : tree_.Sequence(named[1])) {
        if (!AddOperator(function, row)) return;
      }
    }
  }

  bool AddConstant(Function& function, Value row) {
    size_t items = 0;
    AttributeValue value = ConstantOf(row, 0, items);
    std::string text = value.typed() ? AttributeText(value) : EscapeName(pickle::Print(tree_, row, kLongestText));
    if (row.Is(Kind::kObject) && !value.typed()) text = "<tensor>";
    if (!Take(sizeof(pthview::Attribute) + text.size() + items * sizeof(AttributeValue))) return false;
    function.constants.push_back({.name = {}, .text = std::move(text), .value = std::move(value)});
    return true;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDeepest at most
  AttributeValue ConstantOf(Value value, int depth, size_t& items) const {
    constexpr int kDeepest = 8;
    constexpr size_t kMostItems = 10'000;
    switch (value.kind) {
      case Kind::kNone: return {NoneValue{}};
      case Kind::kBool: return {value.boolean};
      case Kind::kInt: return {value.integer};
      case Kind::kFloat: return {value.real};
      case Kind::kString: return {EscapeName(value.Text())};
      case Kind::kTuple:
      case Kind::kList: break;
      case Kind::kObject: {  // build_intlist([1, 2]) and its like
        auto args = tree_.Sequence(tree_.ObjectOf(value).args);
        if (args.size() != 1 || !args[0].Is(Kind::kList) || depth > kDeepest) return {};
        return ConstantOf(args[0], depth + 1, items);
      }
      default: return {};
    }
    ListValue list{.items = {}, .tuple = value.Is(Kind::kTuple)};
    for (Value item : tree_.Sequence(value)) {
      if (++items > kMostItems || depth > kDeepest) return {};
      list.items.push_back(ConstantOf(item, depth + 1, items));
      if (!list.items.back().typed()) return {};
    }
    return {std::move(list)};
  }

  bool ReadSchema(Function& function, Value schema) {
    for (Value section : tree_.Sequence(schema)) {
      auto named = tree_.Sequence(section);
      if (named.size() != 2 || !named[0].IsText() || named[0].Text() != "arguments") continue;
      for (Value row : tree_.Sequence(named[1])) {
        Argument argument;
        for (Value field : tree_.Sequence(row)) {
          auto pair = tree_.Sequence(field);
          if (pair.size() != 2 || !pair[0].IsText() || !pair[1].IsText()) continue;
          if (!Take(pair[1].length)) return false;
          if (pair[0].Text() == "name") argument.name = pair[1].Text();
          if (pair[0].Text() == "type") argument.type = pair[1].Text();
        }
        if (!Take(sizeof(Argument))) return false;
        function.arguments.push_back(std::move(argument));
      }
    }
    return true;
  }

  const Tree& tree_;
  ModelBuilder& builder_;
  Program program_;
  std::unordered_set<std::string, TextHash> seen_;
  std::unordered_set<uint64_t> lists_;  // their identities
};

class ObjectSlots : public Slots {
 public:
  explicit ObjectSlots(const Tree* data) : data_(data) {
    if (data != nullptr) objects_.emplace("", data->root);
  }

  std::optional<std::string> NameOf(const std::string& path, size_t slot) override {
    auto found = objects_.find(path);
    if (found == objects_.end() || !found->second.Is(Kind::kObject)) return std::nullopt;
    const Value* state = data_->StateOf(data_->ObjectOf(found->second));
    if (state == nullptr || !state->Is(Kind::kDict)) return std::nullopt;
    auto pairs = data_->Dict(*state);
    if (slot >= pairs.size() || !pairs[slot].first.IsText()) return std::nullopt;
    std::string name(pairs[slot].first.Text());
    std::string inside = path;
    AppendTextKey(inside, name);
    objects_.emplace(std::move(inside), pairs[slot].second);
    return name;
  }

 private:
  const Tree* data_;
  std::unordered_map<std::string, Value, TextHash> objects_;  // by path, as far as anything asked for them
};

}  // namespace

Program ReadPickled(const Tree& tree, ModelBuilder& builder) { return Reader(tree, builder).Read(); }

std::unique_ptr<Slots> PickledSlots(const Tree* data) { return std::make_unique<ObjectSlots>(data); }

}  // namespace pthview::bytecode
