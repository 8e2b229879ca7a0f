#include "lib/pickle/print.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "lib/base/escape.h"
#include "lib/pickle/repr.h"

namespace pthview::pickle {
namespace {

class Printer {
 public:
  Printer(const Tree& tree, size_t budget) : tree_(tree), budget_(budget) {}

  std::string Run(Value root) {
    Open(root);
    while (!steps_.empty() && out_.size() <= budget_) Next();
    if (out_.size() > budget_) {
      size_t end = budget_;
      while (end > 0 && (static_cast<unsigned char>(out_[end]) & 0xc0) == 0x80) --end;  // not inside a character
      out_.resize(end);
      out_ += "...";
    }
    return std::move(out_);
  }

 private:
  // What is still to be written, last first: a piece of text, a value, the items of a sequence or dict from `next` on,
  // or the end of a container.
  struct Step {
    enum class What : uint8_t { kText, kValue, kItems, kPairs, kLeave } what;
    std::string_view text = {};
    Value value = {};
    std::span<const Value> items = {};
    std::span<const Pair> pairs = {};
    size_t next = 0;
  };

  void Then(std::string_view text) { steps_.push_back({Step::What::kText, text}); }
  void Then(Value value) { steps_.push_back({Step::What::kValue, {}, value}); }
  void ThenItems(std::span<const Value> items) { steps_.push_back({Step::What::kItems, {}, {}, items}); }
  void ThenPairs(std::span<const Pair> pairs) { steps_.push_back({Step::What::kPairs, {}, {}, {}, pairs}); }

  void Next() {
    Step& step = steps_.back();
    switch (step.what) {
      case Step::What::kText:
        out_ += step.text;
        steps_.pop_back();
        return;
      case Step::What::kLeave:
        open_.erase(Tree::Identity(step.value));
        steps_.pop_back();
        return;
      case Step::What::kValue: {
        const Value value = step.value;
        steps_.pop_back();
        Open(value);
        return;
      }
      case Step::What::kItems: {
        if (step.next == step.items.size()) {
          steps_.pop_back();
          return;
        }
        if (step.next > 0) out_ += ", ";
        Open(step.items[step.next++]);
        return;
      }
      case Step::What::kPairs: {
        if (step.next == step.pairs.size()) {
          steps_.pop_back();
          return;
        }
        if (step.next > 0) out_ += ", ";
        const Pair& pair = step.pairs[step.next++];
        Then(pair.second);
        Then(": ");
        Open(pair.first);
        return;
      }
    }
  }

  // Writes a scalar, or the beginning of something with an inside and leaves the rest in steps_.
  void Open(Value value) {
    const uint64_t identity = Tree::Identity(value);
    if (identity != 0) {
      if (!open_.insert(identity).second) {
        out_ += "...";
        return;
      }
      steps_.push_back({Step::What::kLeave, {}, value});
    }
    switch (value.kind) {
      case Kind::kTuple: {
        const std::span<const Value> items = tree_.Tuple(value);
        out_ += '(';
        Then(items.size() == 1 ? ",)" : ")");
        ThenItems(items);
        return;
      }
      case Kind::kList:
        out_ += '[';
        Then("]");
        ThenItems(tree_.List(value));
        return;
      case Kind::kDict: OpenPairs(tree_.Dict(value)); return;
      case Kind::kSet: OpenSet(value); return;
      case Kind::kObject: OpenObject(tree_.ObjectOf(value)); return;
      case Kind::kPersistent:
        out_ += "persistent(";
        Then(")");
        Then(tree_.PersistentId(value));
        return;
      default: AppendScalar(value);
    }
  }

  void OpenPairs(std::span<const Pair> pairs) {
    out_ += '{';
    Then("}");
    ThenPairs(pairs);
  }

  void OpenSet(Value value) {
    const std::span<const Value> items = tree_.List(value);
    if (items.empty()) {
      out_ += value.flag ? "frozenset()" : "set()";
      return;
    }
    out_ += value.flag ? "frozenset({" : "{";
    Then(value.flag ? "})" : "}");
    ThenItems(items);
  }

  // Pushed last first: callable ( args , **kwargs ) + [items] + {dict items} <- state.
  void OpenObject(const Object& object) {
    if (const Value* state = tree_.StateOf(object)) {
      Then(*state);
      Then(" <- ");
      const std::span<const Value> earlier = tree_.EarlierStatesOf(object);
      // Each is written only as far as the budget goes, and pushed only as many as it could hold.
      for (size_t i = std::min(earlier.size(), budget_); i-- > 0;) {
        Then(earlier[i]);
        Then(" <- ");
      }
    }
    if (const auto pairs = tree_.DictItemsOf(object); !pairs.empty()) {
      Then("}");
      ThenPairs(pairs);
      Then(" + {");
    }
    if (const auto items = tree_.ItemsOf(object); !items.empty()) {
      Then("]");
      ThenItems(items);
      Then(" + [");
    }
    Then(")");
    if (object.made == Object::Made::kNewEx) {
      Then(tree_.KwargsOf(object));
      Then(tree_.Tuple(object.args).empty() && object.args.Is(Kind::kTuple) ? "**" : ", **");
    }
    if (object.args.Is(Kind::kTuple)) {
      ThenItems(tree_.Tuple(object.args));
    } else {
      Then(object.args);
      Then("*");
    }
    Then("(");
    Open(object.callable);
  }

  void AppendScalar(Value value) {
    switch (value.kind) {
      case Kind::kNone: out_ += "None"; return;
      case Kind::kBool: out_ += value.boolean ? "True" : "False"; return;
      case Kind::kInt: out_ += std::to_string(value.integer); return;
      case Kind::kBigInt:
        if (value.flag && value.length > budget_) {
          out_ += value.Text().substr(0, budget_ + 1);
        } else {
          out_ += BigIntToString(value);
        }
        return;
      case Kind::kFloat: AppendFloat(out_, value.real); return;
      case Kind::kString:
      case Kind::kBytes:
      case Kind::kByteArray:
        // Text only grows when it is quoted, so more than the budget (and a character) need not be looked at.
        value.length = static_cast<uint32_t>(std::min<size_t>(value.length, budget_ + 4));
        AppendText(out_, value);
        return;
      case Kind::kGlobal: {
        const Global& global = tree_.GlobalOf(value);
        out_ += EscapeName(global.module.substr(0, budget_));
        out_ += '.';
        out_ += EscapeName(global.name.substr(0, budget_));
        return;
      }
      case Kind::kExtension: out_ += "extension(" + std::to_string(value.integer) + ")"; return;
      case Kind::kBuffer: out_ += "buffer(" + std::to_string(value.index) + ")"; return;
      default: return;
    }
  }

  const Tree& tree_;
  size_t budget_;
  std::string out_;
  std::vector<Step> steps_;
  std::unordered_set<uint64_t> open_;  // what the current place is inside of
};

}  // namespace

std::string Print(const Tree& tree, Value value, size_t budget) { return Printer(tree, budget).Run(value); }

}  // namespace pthview::pickle
