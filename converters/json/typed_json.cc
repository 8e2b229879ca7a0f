#include "converters/json/typed_json.h"

#include "lib/base/dtype.h"

namespace pthview {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

void IndexMember(JsonWriter& json, Index index) {
  if (index != kNone) json.Key("value").Uint(index);
}

// NOLINTNEXTLINE(misc-no-recursion): kDeepestAttribute at most
void Items(JsonWriter& json, const std::vector<AttributeValue>& items, const RowMap& tensors) {
  json.Key("items").BeginArray(true);
  for (const AttributeValue& item : items) WriteTypedValue(json, item, tensors);
  json.EndArray();
}

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): kDeepestAttribute at most
void WriteTypedValue(JsonWriter& json, const AttributeValue& value, const RowMap& tensors) {
  json.BeginObject().Key("kind").String(AttributeKindName(value));
  std::visit(Overloaded{
                 [](const std::monostate&) {},
                 [](const NoneValue&) {},
                 [&](bool flag) { json.Key("value").Bool(flag); },
                 [&](int64_t number) { json.Key("value").Int(number); },
                 [&](double number) { json.Key("value").Double(number); },
                 [&](const std::complex<double>& number) {
                   json.Key("real").Double(number.real()).Key("imaginary").Double(number.imag());
                 },
                 [&](const std::string& text) { json.Key("value").String(text); },
                 [&](DType dtype) { json.Key("value").String(DTypeName(dtype)); },
                 [&](const DeviceValue& device) { json.Key("value").String(device.name); },
                 [&](const LayoutValue& layout) { json.Key("value").String(layout.name); },
                 [&](const MemoryFormatValue& format) { json.Key("value").String(format.name); },
                 [&](const TensorValue& tensor) { IndexMember(json, tensors[tensor.tensor]); },
                 [&](const GraphReference& body) { IndexMember(json, body.graph); },
                 [&](const ValueReference& used) { IndexMember(json, used.value); },
                 [&](const ListValue& list) { Items(json, list.items, tensors); },
                 [&](const DictValue& dict) { Items(json, dict.items, tensors); },
             },
             value.of);
  json.EndObject();
}

void WriteType(JsonWriter& json, const ValueType& type) {  // NOLINT(misc-no-recursion): kDeepestType at most
  json.BeginObject().Key("kind").String(TypeKindName(type.kind));
  if (type.dtype != DType::kUnknown) json.Key("dtype").String(DTypeName(type.dtype));
  if (type.dims) {
    json.Key("dims").BeginArray(true);
    for (const Dim& dim : *type.dims) {
      if (dim.size >= 0) {
        json.Int(dim.size);
      } else if (!dim.symbol.empty()) {
        json.String(dim.symbol);
      } else {
        json.Null();
      }
    }
    json.EndArray();
  }
  if (!type.device.empty()) json.Key("device").String(type.device);
  if (!type.name.empty()) json.Key("name").String(type.name);
  if (!type.items.empty()) {
    json.Key("items").BeginArray(true);
    for (const ValueType& item : type.items) WriteType(json, item);
    json.EndArray();
  }
  json.EndObject();
}

void WriteSymbols(JsonWriter& json, const Graph& graph) {
  if (graph.symbols.empty()) return;
  json.Key("symbols").BeginArray();
  for (const SymbolRange& symbol : graph.symbols) {
    json.BeginObject().Key("name").String(symbol.name);
    if (symbol.low) json.Key("low").Int(*symbol.low);
    if (symbol.high) json.Key("high").Int(*symbol.high);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace pthview
