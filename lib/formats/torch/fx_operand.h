// What an expression of a torch.fx graph stands for: a value that the graph makes, a constant, or a structure of both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/model/model.h"

namespace pthview::fx {

struct Operand {
  enum class Kind : uint8_t {
    kConstant,  // `text`, and `constant` where it is typed
    kValue,     // `value`, into Graph::values
    kSequence,  // items; `text` is "(", "[", "{" (a set), or the name of what is called: "slice("
    kDict,      // key, value, key, value
    kSelf,      // what the module has at the path `text`, "" the module itself
    kGlobal,    // a name of Python at the path `text`: "torch.nn.functional.relu"
  };
  Kind kind = Kind::kConstant;
  std::string text;  // in escaped form
  AttributeValue constant;
  Index value = kNone;
  std::vector<Operand> items;
  size_t size = 1;  // with what is inside it

  static Operand Constant(AttributeValue value) {
    return {.kind = Kind::kConstant, .text = AttributeText(value), .constant = std::move(value)};
  }
  static Operand Text(std::string text) { return {.kind = Kind::kConstant, .text = std::move(text)}; }
  static Operand Value(Index value) { return {.kind = Kind::kValue, .value = value}; }
};

// The values in it, in order.
void CollectValues(const Operand& operand, std::vector<Index>& values);

// With ValueReference for the values; not typed where a part of it is not.
AttributeValue Typed(const Operand& operand);

// In Python notation, values by their names.
std::string TextOf(const Operand& operand, const Graph& graph);

// A number as the source has it: "2", "1e-05", "2j"; not typed when it is none.
AttributeValue NumberOf(std::string_view text);

// What a dotted name of torch means as an argument: torch.float32, torch.channels_last, torch.strided; not typed for
// others.
AttributeValue TorchConstant(std::string_view name);

// Of Python's operators, as its module `operator` calls them: "add" of "+", "matmul" of "@", "contains" of "in"; empty
// for others.
std::string_view BinaryOperatorName(std::string_view op);
std::string_view UnaryOperatorName(std::string_view op);

}  // namespace pthview::fx
