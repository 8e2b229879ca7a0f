#include "lib/formats/script/pt2_arguments.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/base/escape.h"
#include "lib/formats/script/pt2_schema.h"
#include "lib/formats/script/size_expression.h"

namespace pthview {
namespace {

using ValueOf = std::function<AttributeValue(Json name)>;

// What torch writes of Python's floats that JSON does not have.
double FloatOf(Json json) {
  std::string_view text = json.Text();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return json.Float();
}

// A scalar by what it is in JSON; `real`: the schema says that it is a float, which JSON may write as "2".
AttributeValue ScalarOf(Json json, bool real) {
  if (real) return {FloatOf(json)};
  switch (json.kind()) {
    case Json::Kind::kNull: return {NoneValue{}};
    case Json::Kind::kBool: return {*json.Bool()};
    case Json::Kind::kInt: return {*json.Int()};
    case Json::Kind::kFloat: return {json.Float()};
    default: return {EscapeName(json.Text())};
  }
}

// {"as_name": "s0"}, {"as_int": 2}, {"as_float": 0.5}, {"as_bool": true}; {"as_tensor": {"name"}}, {"as_none": true}.
AttributeValue ItemOf(Json item, const ValueOf& value_of) {
  Json::Member chosen = UnionOf(item);
  if (chosen.key == "as_name") return value_of(chosen.value);
  if (chosen.key == "as_tensor") return value_of(chosen.value["name"]);
  if (chosen.key == "as_none") return {NoneValue{}};
  return ScalarOf(chosen.value, chosen.key == "as_float");
}

template <typename Function>
AttributeValue ListOf(Json array, const Function& item_of) {
  ListValue list;
  list.items.reserve(array.size());
  for (Json item : array.elements()) list.items.push_back(item_of(item));
  return {std::move(list)};
}

bool IsOneOf(std::string_view kind, std::initializer_list<std::string_view> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

bool IsSymbolList(std::string_view kind) { return IsOneOf(kind, {"as_sym_ints", "as_sym_bools", "as_sym_floats"}); }
bool IsSymbol(std::string_view kind) { return IsOneOf(kind, {"as_sym_int", "as_sym_bool", "as_sym_float"}); }

// NOLINTNEXTLINE(misc-no-recursion): dicts of dicts, kDeepestAttribute at most
void ForEachName(Json::Member argument, const std::function<void(Json)>& each, int depth) {
  auto [kind, value] = argument;
  auto optional = [&](Json item) {
    Json tensor = item["as_tensor"];
    tensor ? each(tensor["name"]) : each(Json());
  };
  if (kind == "as_tensor" || kind == "as_custom_obj") {
    each(value["name"]);
  } else if (kind == "as_tensors") {
    for (Json item : value.elements()) each(item["name"]);
  } else if (kind == "as_optional_tensor") {
    optional(value);
  } else if (kind == "as_optional_tensors") {
    for (Json item : value.elements()) optional(item);
  } else if (kind == "as_nested_tensors") {
    for (Json list : value.elements()) {
      for (Json item : list.elements()) each(item["name"]);
    }
  } else if (IsSymbol(kind)) {
    if (value["as_name"]) each(value["as_name"]);
  } else if (IsSymbolList(kind)) {
    for (Json item : value.elements()) {
      if (item["as_name"]) each(item["as_name"]);
    }
  } else if (kind == "as_string_to_argument" && depth < kDeepestAttribute) {
    for (const Json::Member& member : value.members()) ForEachName(UnionOf(member.value), each, depth + 1);
  }
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestAttribute at most
AttributeValue ValueAt(Json::Member argument, const ValueOf& value_of, int depth) {
  auto [kind, value] = argument;
  if (kind == "as_none" || depth > kDeepestAttribute) return {NoneValue{}};
  auto named = [&](Json item) { return value_of(item["name"]); };
  auto item = [&](Json each) { return ItemOf(each, value_of); };
  auto scalar = [](Json each) { return ScalarOf(each, false); };
  auto real = [](Json each) { return ScalarOf(each, true); };
  if (kind == "as_tensor" || kind == "as_custom_obj") return named(value);
  if (kind == "as_tensors") return ListOf(value, named);
  if (kind == "as_optional_tensor") return item(value);
  if (kind == "as_optional_tensors" || IsSymbolList(kind)) return ListOf(value, item);
  if (kind == "as_nested_tensors") return ListOf(value, [&](Json list) { return ListOf(list, named); });
  if (IsSymbol(kind)) return item(value);
  if (kind == "as_float") return real(value);
  if (kind == "as_floats") return ListOf(value, real);
  if (kind == "as_int_lists") return ListOf(value, [&](Json list) { return ListOf(list, scalar); });
  if (kind == "as_float_lists") return ListOf(value, [&](Json list) { return ListOf(list, real); });
  if (kind == "as_scalar_type") return {DTypeFromExport(value.Int().value_or(0))};
  if (kind == "as_layout") return {LayoutValue{std::string(ExportLayoutName(value))}};
  if (kind == "as_memory_format") return {MemoryFormatValue{std::string(ExportMemoryFormatName(value))}};
  if (kind == "as_device") return {DeviceValue{EscapeName(ExportDeviceText(value))}};
  if (kind == "as_complex") return {std::complex<double>(FloatOf(value["real"]), FloatOf(value["imag"]))};
  if (kind == "as_string" || kind == "as_operator") return {EscapeName(value.Text())};
  if (kind == "as_string_to_argument") {
    DictValue dict;
    for (const Json::Member& member : value.members()) {
      dict.items.push_back({EscapeName(member.key)});
      dict.items.push_back(ValueAt(UnionOf(member.value), value_of, depth + 1));
    }
    return {std::move(dict)};
  }
  if (value.kind() == Json::Kind::kArray) return ListOf(value, scalar);
  if (value.kind() == Json::Kind::kObject) return {};  // a kind of later schemas: only a text can be made of it
  return scalar(value);
}

}  // namespace

void ForEachValueName(Json::Member argument, const std::function<void(Json)>& each) { ForEachName(argument, each, 0); }

bool HasStructure(Json::Member argument) {
  return IsSymbolList(argument.key) || argument.key == "as_nested_tensors" || argument.key == "as_string_to_argument";
}

AttributeValue ArgumentValue(Json::Member argument, const ValueOf& value_of) { return ValueAt(argument, value_of, 0); }

std::string ArgumentText(Json::Member argument) {
  return AttributeText(ArgumentValue(argument, [](Json name) { return AttributeValue{EscapeName(name.Text())}; }));
}

ValueType TensorTypeOf(Json meta) {
  ValueType type;
  if (!meta) return type;
  type.kind = TypeKind::kTensor;
  type.dtype = DTypeFromExport(meta["dtype"].Int().value_or(0));
  type.device = EscapeName(ExportDeviceText(meta["device"]));
  type.dims.emplace();
  for (Json size : meta["sizes"].elements()) {
    Dim& dim = type.dims->emplace_back();
    auto number = size.Int() ? size.Int() : size["as_int"].Int();
    if (number && *number >= 0) {
      dim.size = *number;
    } else {
      dim.symbol = EscapeName(SizeExpression(size["as_expr"]["expr_str"].Text()));
    }
  }
  return type;
}

ValueType SymbolTypeOf(TypeKind kind, Json symbol) {
  return {.kind = kind, .name = EscapeName(SizeExpression(symbol["as_expr"]["expr_str"].Text()))};
}

}  // namespace pthview
