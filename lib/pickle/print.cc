#include "lib/pickle/print.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_set>
#include <vector>

#include "lib/base/escape.h"

namespace pthview::pickle {
namespace {

constexpr size_t kMostBits = 4096;  // of integers written out; the conversion to decimal takes quadratic time

void AppendHex(std::string& out, unsigned char byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

// One character of text in escaped form, or one byte, inside quotes.
void AppendQuotedChar(std::string& out, char c, char quote) {
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte == 0x7f) {
    AppendHex(out, byte);
    return;
  }
  if (c == quote) out += '\\';
  out += c;
}

// Quotes as Python does: single ones, unless the text has those and no double ones.
char QuoteFor(std::string_view text) {
  return text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
}

void AppendText(std::string& out, Value value) {
  const std::string_view text = value.Text();
  const char quote = QuoteFor(text);
  if (value.Is(Kind::kString)) {
    out += quote;
    for (const char c : EscapeName(text)) AppendQuotedChar(out, c, quote);
    out += quote;
    return;
  }
  if (value.Is(Kind::kByteArray)) out += "bytearray(";
  if (!value.flag) out += 'b';
  out += quote;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      AppendHex(out, static_cast<unsigned char>(c));
    } else {
      if (c == '\\') out += '\\';
      AppendQuotedChar(out, c, quote);
    }
  }
  out += quote;
  if (value.Is(Kind::kByteArray)) out += ')';
}

// As Python's repr: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
void AppendFloat(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "nan";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-inf" : "inf";
    return;
  }
  char buffer[400];
  const double size = std::fabs(value);
  const bool exponent = value != 0 && (size < 1e-4 || size >= 1e16);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const std::string_view digits(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value, format).ptr);
  out += digits;
  if (!exponent && digits.find('.') == std::string_view::npos) out += ".0";
}

// Little-endian two's complement to decimal, 9 digits a step.
std::string Decimal(std::string_view bytes) {
  const bool negative = static_cast<int8_t>(bytes.back()) < 0;
  std::vector<uint32_t> words((bytes.size() + 3) / 4, 0);
  uint32_t carry = 1;
  for (size_t i = 0; i < words.size() * 4; ++i) {
    uint32_t byte = i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : (negative ? 0xff : 0);
    if (negative) {
      byte = (~byte & 0xff) + carry;
      carry = byte >> 8;
      byte &= 0xff;
    }
    words[i / 4] |= byte << (8 * (i % 4));
  }
  std::string digits;  // backwards
  while (!words.empty()) {
    uint64_t rest = 0;
    for (size_t i = words.size(); i-- > 0;) {
      rest = (rest << 32) | words[i];
      words[i] = static_cast<uint32_t>(rest / 1'000'000'000);
      rest %= 1'000'000'000;
    }
    while (!words.empty() && words.back() == 0) words.pop_back();
    for (int i = 0; i < 9 && (!words.empty() || rest != 0); ++i, rest /= 10) {
      digits += static_cast<char>('0' + rest % 10);
    }
  }
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

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
    if (object.has_state) {
      Then(object.state);
      Then(" <- ");
      const std::span<const Value> earlier = tree_.EarlierStatesOf(object);
      // Each is written only as far as the budget goes, and pushed only as many as it could hold.
      for (size_t i = std::min(earlier.size(), budget_); i-- > 0;) {
        Then(earlier[i]);
        Then(" <- ");
      }
    }
    if (object.dict_items != 0) {
      Then("}");
      ThenPairs(tree_.DictItemsOf(object));
      Then(" + {");
    }
    if (object.items != 0) {
      Then("]");
      ThenItems(tree_.ItemsOf(object));
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

std::string BigIntToString(Value value) {
  const std::string_view bytes = value.Text();
  if (value.flag) return std::string(bytes);
  if (bytes.empty()) return "0";
  if (bytes.size() * 8 > kMostBits) return "<integer of " + std::to_string(bytes.size() * 8) + " bits>";
  return Decimal(bytes);
}

}  // namespace pthview::pickle
