// What an argument of an operator is when it is no value of the graph: a typed constant that one can compute with.
#pragma once

#include <complex>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/model/index.h"

namespace pthview {

// Deeper ones are no argument of an operator; whoever walks values may recurse this far.
inline constexpr int kDeepestAttribute = 32;

// The alternatives that are no plain C++ value. Texts are in escaped form (lib/base/escape.h).
struct NoneValue {
  bool operator==(const NoneValue&) const = default;
};
struct DeviceValue {
  std::string name;  // "cuda:0"
  bool operator==(const DeviceValue&) const = default;
};
struct LayoutValue {
  std::string name;  // "strided", as torch prints it without "torch."
  bool operator==(const LayoutValue&) const = default;
};
struct MemoryFormatValue {
  std::string name;  // "channels_last"
  bool operator==(const MemoryFormatValue&) const = default;
};
struct TensorValue {
  Index tensor = kNone;  // into Model::tensors; kNone: one that is not listed
  bool operator==(const TensorValue&) const = default;
};
struct GraphReference {
  Index graph = kNone;  // into Model::graphs; one of the node's blocks
  bool operator==(const GraphReference&) const = default;
};
// An item of a list that is known only when the graph runs: [2, s0]. The node has an input of the attribute's name too,
// with all such values of it.
struct ValueReference {
  Index value = kNone;  // into Graph::values
  bool operator==(const ValueReference&) const = default;
};
struct AttributeValue;
struct ListValue {
  std::vector<AttributeValue> items;
  bool tuple = false;
  bool operator==(const ListValue&) const;
};
struct DictValue {
  std::vector<AttributeValue> items;  // key, value, key, value, ...
  bool operator==(const DictValue&) const;
};

struct AttributeValue {
  // monostate: not typed; the attribute's text is all there is.
  std::variant<std::monostate, NoneValue, bool, int64_t, double, std::complex<double>, std::string, DType, DeviceValue,
               LayoutValue, MemoryFormatValue, TensorValue, GraphReference, ValueReference, ListValue, DictValue>
      of;

  bool typed() const { return !std::holds_alternative<std::monostate>(of); }
  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(of);
  }
  template <typename T>
  const T* Get() const {
    return std::get_if<T>(&of);
  }
  // A bool reads as 0 or 1, an int as a float too.
  std::optional<int64_t> Int() const;
  std::optional<double> Float() const;
  std::optional<std::vector<int64_t>> Ints() const;  // of a list whose items are all ints or bools

  bool operator==(const AttributeValue&) const = default;
};

AttributeValue ListOfInts(std::span<const int64_t> values);

// "none", "bool", "int", "float", "complex", "string", "dtype", "device", "layout", "memory_format", "tensor", "graph",
// "value", "list", "tuple", "dict"; "" when it is not typed.
std::string_view AttributeKindName(const AttributeValue& value);

// In Python notation: `[1, 1]`, `True`, `torch.float32`, `zeros`. A string that is not inside a list stands without
// quotes. Tensors, graphs and values have no name here and are "<tensor>" and the like. Deeper than kDeepestAttribute
// is
// "...".
std::string AttributeText(const AttributeValue& value);

// Such a float as Python prints it: "1e-05", "1.0", "inf".
std::string FloatText(double value);

}  // namespace pthview
