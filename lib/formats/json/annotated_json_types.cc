// Typed attributes and types of values in an annotated JSON document:
//
//   {"kind": "int", "value": 3}   {"kind": "list", "items": [...]}   {"kind": "complex", "real": 0, "imaginary": 1}
//   {"kind": "tensor", "dtype": "float32", "dims": [1, "s0", null], "device": "cpu"}   {"kind": "list", "items": [...]}
//
// The parser refuses documents that nest deeper than what these may recurse.
#include <string>
#include <utility>

#include "lib/formats/json/annotated_json_tables.h"

namespace pthview {
namespace {

using nlohmann::json;

const std::string kWhat = "a typed value";

// The member of an object, or null.
const json* Member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestAttribute at most
bool ReadValue(const json& from, int depth, AttributeValue& to) {
  if (!from.is_object() || depth > kDeepestAttribute) return false;
  JsonRow row(from, kWhat);
  std::string_view kind = row.Text("kind");
  auto text = [&] { return std::string(row.Text("value")); };
  if (kind == "none") {
    to.of = NoneValue{};
  } else if (kind == "bool") {
    to.of = row.Bool("value");
  } else if (kind == "int") {
    to.of = row.Int("value");
  } else if (kind == "float") {
    to.of = row.Number("value");
  } else if (kind == "complex") {
    to.of = std::complex<double>(row.Number("real"), row.Number("imaginary"));
  } else if (kind == "string") {
    to.of = text();
  } else if (kind == "dtype") {
    auto dtype = DTypeFromName(row.Text("value"));
    if (!dtype && row.Text("value") != "unknown") return false;
    to.of = dtype.value_or(DType::kUnknown);
  } else if (kind == "device") {
    to.of = DeviceValue{text()};
  } else if (kind == "layout") {
    to.of = LayoutValue{text()};
  } else if (kind == "memory_format") {
    to.of = MemoryFormatValue{text()};
  } else if (kind == "tensor") {
    to.of = TensorValue{row.RowOf("value", kNone)};
  } else if (kind == "graph") {
    to.of = GraphReference{row.RowOf("value", kNone)};
  } else if (kind == "value") {
    to.of = ValueReference{row.RowOf("value", kNone)};
  } else if (kind == "list" || kind == "tuple" || kind == "dict") {
    std::vector<AttributeValue> items;
    for (const json& item : row.Array("items")) {
      if (!ReadValue(item, depth + 1, items.emplace_back())) return false;
    }
    if (kind == "dict") {
      to.of = DictValue{std::move(items)};
    } else {
      to.of = ListValue{std::move(items), kind == "tuple"};
    }
  } else {
    return false;
  }
  return bool(row.status());
}

bool ReadDims(const json& from, ValueType& to) {
  if (!from.is_array()) return false;
  to.dims.emplace();
  for (const json& item : from) {
    Dim& dim = to.dims->emplace_back();
    if (item.is_string()) {
      dim.symbol = item.get_ref<const std::string&>();
    } else if (item.is_number_unsigned() && item.get<uint64_t>() <= INT64_MAX) {
      dim.size = item.get<int64_t>();
    } else if (!item.is_null()) {
      return false;
    }
  }
  return true;
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestType at most
bool ReadTypeOf(const json& from, int depth, ValueType& to) {
  if (!from.is_object() || depth > kDeepestType) return false;
  JsonRow row(from, kWhat);
  std::string_view name = row.Text("kind");
  for (size_t kind = 1; kind < static_cast<size_t>(TypeKind::kCount); ++kind) {
    if (TypeKindName(static_cast<TypeKind>(kind)) == name) to.kind = static_cast<TypeKind>(kind);
  }
  if (!to.known()) return false;
  if (row.Has("dtype")) {
    auto dtype = DTypeFromName(row.Text("dtype"));
    if (!dtype) return false;
    to.dtype = *dtype;
  }
  if (const json* dims = Member(from, "dims"); dims != nullptr && !ReadDims(*dims, to)) return false;
  to.device = std::string(row.Text("device"));
  to.name = std::string(row.Text("name"));
  for (const json& item : row.Array("items")) {
    if (!ReadTypeOf(item, depth + 1, to.items.emplace_back())) return false;
  }
  return bool(row.status());
}

}  // namespace

AttributeValue ReadTypedValue(JsonRow& row, const json& object, const char* key) {
  AttributeValue value;
  const json* member = Member(object, key);
  if (member != nullptr && !ReadValue(*member, 0, value)) row.Fail(key, "is no typed value");
  return value;
}

ValueType ReadType(JsonRow& row, const json& object, const char* key) {
  ValueType type;
  const json* member = Member(object, key);
  if (member != nullptr && !ReadTypeOf(*member, 0, type)) row.Fail(key, "is no type");
  return type;
}

void AnnotatedJsonTables::ReadSymbols(JsonRow& row, Graph& graph) {
  for (const json& object : row.Array("symbols")) {
    JsonRow item(object, kWhat);
    SymbolRange symbol{.name = std::string(item.Text("name"))};
    if (item.Has("low")) symbol.low = item.Int("low");
    if (item.Has("high")) symbol.high = item.Int("high");
    if (!item.status()) row.Fail("symbols", "holds what is no symbol");
    graph.symbols.push_back(std::move(symbol));
  }
  for (const json& object : row.Array("mutations")) {
    JsonRow item(object, kWhat);
    graph.mutations.push_back({item.RowOf("value", graph.values.size()), item.RowOf("tensor", model_.tensors.size()),
                               item.RowOf("input", graph.values.size())});
    if (!item.status()) row.Fail("mutations", "holds what is no mutation");
  }
}

}  // namespace pthview
