#include "lib/formats/torch/fx_operand.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace pthview::fx {
namespace {

using Kind = Operand::Kind;

template <typename T>
std::optional<T> Parse(std::string_view text) {
  T number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct Operator {
  std::string_view op;
  std::string_view name;
};
constexpr Operator kBinary[] = {{"+", "add"},
                                {"-", "sub"},
                                {"*", "mul"},
                                {"/", "truediv"},
                                {"//", "floordiv"},
                                {"%", "mod"},
                                {"**", "pow"},
                                {"@", "matmul"},
                                {"<<", "lshift"},
                                {">>", "rshift"},
                                {"&", "and_"},
                                {"|", "or_"},
                                {"^", "xor"},
                                {"<", "lt"},
                                {"<=", "le"},
                                {"==", "eq"},
                                {"!=", "ne"},
                                {">", "gt"},
                                {">=", "ge"},
                                {"is", "is_"},
                                {"is not", "is_not"},
                                {"in", "contains"},
                                {"not in", "not_contains"},
                                {"and", "and"},
                                {"or", "or"}};
constexpr Operator kUnary[] = {{"-", "neg"}, {"+", "pos"}, {"~", "invert"}, {"not", "not_"}};

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): kDeepestExpression at most
void CollectValues(const Operand& operand, std::vector<Index>& values) {
  if (operand.kind == Kind::kValue) values.push_back(operand.value);
  for (const Operand& item : operand.items) CollectValues(item, values);
}

AttributeValue Typed(const Operand& operand) {  // NOLINT(misc-no-recursion): kDeepestAttribute at most
  if (operand.kind == Kind::kConstant) return operand.constant;
  if (operand.kind == Kind::kValue) return {ValueReference{operand.value}};
  const bool plain = operand.kind == Kind::kDict || operand.text == "(" || operand.text == "[";
  if (operand.items.empty() ? operand.kind == Kind::kSelf || operand.kind == Kind::kGlobal || !plain : !plain)
    return {};
  std::vector<AttributeValue> items;
  items.reserve(operand.items.size());
  for (const Operand& item : operand.items) {
    items.push_back(Typed(item));
    if (!items.back().typed()) return {};
  }
  if (operand.kind == Kind::kDict) return {DictValue{std::move(items)}};
  return {ListValue{std::move(items), operand.text == "("}};
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestExpression at most
std::string TextOf(const Operand& operand, const Graph& graph) {
  switch (operand.kind) {
    case Kind::kValue: return graph.values[operand.value].name;
    case Kind::kSelf: return operand.text.empty() ? "self" : "self." + operand.text;
    case Kind::kGlobal: return operand.text;
    case Kind::kConstant: return operand.constant.Is<std::string>() ? "'" + operand.text + "'" : operand.text;
    default: break;
  }
  const bool dict = operand.kind == Kind::kDict;
  std::string text = dict ? "{" : operand.text;
  for (size_t i = 0; i < operand.items.size(); ++i) {
    if (i > 0) text += dict && i % 2 == 1 ? ": " : ", ";
    text += TextOf(operand.items[i], graph);
  }
  if (operand.text == "(" && operand.items.size() == 1) text += ",";
  return text + (dict || operand.text == "{" ? "}" : operand.text == "[" ? "]" : ")");
}

AttributeValue NumberOf(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');
  if (auto whole = Parse<int64_t>(digits)) return {*whole};
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    int64_t number = 0;
    auto [end, error] = std::from_chars(digits.data() + 2, digits.data() + digits.size(), number, 16);
    if (error == std::errc() && end == digits.data() + digits.size()) return {number};
    return {};
  }
  const bool imaginary = digits.ends_with('j') || digits.ends_with('J');
  if (imaginary) digits.pop_back();
  auto real = Parse<double>(digits);
  if (!real) return {};
  if (imaginary) return {std::complex<double>(0, *real)};
  return {*real};
}

AttributeValue TorchConstant(std::string_view name) {
  constexpr std::string_view kTorch = "torch.";
  if (!name.starts_with(kTorch)) return {};
  name.remove_prefix(kTorch.size());
  if (auto dtype = DTypeFromName(name)) return {*dtype};
  for (std::string_view format : {"contiguous_format", "channels_last", "channels_last_3d", "preserve_format"}) {
    if (name == format) return {MemoryFormatValue{std::string(format)}};
  }
  for (std::string_view layout : {"strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"}) {
    if (name == layout) return {LayoutValue{std::string(layout)}};
  }
  return {};
}

std::string_view BinaryOperatorName(std::string_view op) {
  const Operator* found =
      std::find_if(std::begin(kBinary), std::end(kBinary), [&](const Operator& row) { return row.op == op; });
  return found == std::end(kBinary) ? std::string_view() : found->name;
}

std::string_view UnaryOperatorName(std::string_view op) {
  const Operator* found =
      std::find_if(std::begin(kUnary), std::end(kUnary), [&](const Operator& row) { return row.op == op; });
  return found == std::end(kUnary) ? std::string_view() : found->name;
}

}  // namespace pthview::fx
