#include "lib/model/attribute_value.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "lib/model/attribute_text.h"

namespace pthview {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

using NameOf = std::function<std::string(const AttributeValue&)>;

void Append(std::string& out, const AttributeValue& value, const NameOf& name_of, int depth);

void AppendItems(std::string& out, const ListValue& list, const NameOf& name_of, int depth) {
  out += list.tuple ? '(' : '[';
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out += ", ";
    Append(out, list.items[i], name_of, depth);
  }
  if (list.tuple && list.items.size() == 1) out += ',';
  out += list.tuple ? ')' : ']';
}

void AppendPairs(std::string& out, const DictValue& dict, const NameOf& name_of, int depth) {
  out += '{';
  for (size_t i = 0; i < dict.items.size(); ++i) {
    if (i > 0) out += i % 2 == 0 ? ", " : ": ";
    Append(out, dict.items[i], name_of, depth);
  }
  out += '}';
}

void Append(std::string& out, const AttributeValue& value, const NameOf& name_of, int depth) {
  if (depth > kDeepestAttribute) {
    out += "...";
    return;
  }
  std::visit(Overloaded{
                 [](const std::monostate&) {},
                 [&](const NoneValue&) { out += "None"; },
                 [&](bool flag) { out += flag ? "True" : "False"; },
                 [&](int64_t number) { out += std::to_string(number); },
                 [&](double number) { out += FloatText(number); },
                 [&](const std::complex<double>& number) {
                   out += fmt::format("({}{}{}j)", number.real(), std::signbit(number.imag()) ? "-" : "+",
                                      std::abs(number.imag()));
                 },
                 [&](const std::string& text) {
                   if (depth == 0) {
                     out += text;
                   } else {
                     out += '\'';
                     out += text;
                     out += '\'';
                   }
                 },
                 [&](DType dtype) { out += fmt::format("torch.{}", DTypeName(dtype)); },
                 [&](const DeviceValue& device) { out += device.name; },
                 [&](const LayoutValue& layout) { out += "torch." + layout.name; },
                 [&](const MemoryFormatValue& format) { out += "torch." + format.name; },
                 [&](const TensorValue&) { out += name_of(value); },
                 [&](const GraphReference&) { out += name_of(value); },
                 [&](const ValueReference&) { out += name_of(value); },
                 [&](const ListValue& list) { AppendItems(out, list, name_of, depth + 1); },
                 [&](const DictValue& dict) { AppendPairs(out, dict, name_of, depth + 1); },
             },
             value.of);
}

}  // namespace

bool ListValue::operator==(const ListValue& other) const { return tuple == other.tuple && items == other.items; }
bool DictValue::operator==(const DictValue& other) const { return items == other.items; }

std::optional<int64_t> AttributeValue::Int() const {
  if (const auto* flag = Get<bool>()) return *flag ? 1 : 0;
  if (const auto* number = Get<int64_t>()) return *number;
  return std::nullopt;
}

std::optional<double> AttributeValue::Float() const {
  if (const auto* number = Get<double>()) return *number;
  if (auto number = Int()) return static_cast<double>(*number);
  return std::nullopt;
}

std::optional<std::vector<int64_t>> AttributeValue::Ints() const {
  const auto* list = Get<ListValue>();
  if (list == nullptr) return std::nullopt;
  std::vector<int64_t> numbers;
  numbers.reserve(list->items.size());
  for (const AttributeValue& item : list->items) {
    auto number = item.Int();
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

AttributeValue ListOfInts(std::span<const int64_t> values) {
  ListValue list;
  list.items.reserve(values.size());
  for (int64_t value : values) list.items.push_back({value});
  return {std::move(list)};
}

std::string_view AttributeKindName(const AttributeValue& value) {
  // By the alternatives of the variant.
  constexpr std::array<std::string_view, 16> kNames = {
      "",       "none",   "bool",          "int",    "float", "complex", "string", "dtype",
      "device", "layout", "memory_format", "tensor", "graph", "value",   "list",   "dict"};
  static_assert(std::variant_size_v<decltype(value.of)> == kNames.size());
  if (const auto* list = value.Get<ListValue>(); list != nullptr && list->tuple) return "tuple";
  return kNames[value.of.index()];
}

std::string AttributeText(const AttributeValue& value) {
  return AttributeText(value,
                       [](const AttributeValue& row) { return "<" + std::string(AttributeKindName(row)) + ">"; });
}

std::string AttributeText(const AttributeValue& value, const NameOf& name_of) {
  std::string text;
  Append(text, value, name_of, 0);
  return text;
}

std::string FloatText(double value) {
  std::string text = fmt::format("{}", value);
  bool whole = std::isfinite(value) && text.find_first_of(".e") == std::string::npos;
  return whole ? text + ".0" : text;
}

}  // namespace pthview
