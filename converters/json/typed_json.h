// Typed attributes and types of values as JSON, for documents and for `pthview graph --json`.
#pragma once

#include "converters/json/selected_rows.h"
#include "lib/base/json.h"
#include "lib/model/model.h"

namespace pthview {

// {"kind": "int", "value": 3}, {"kind": "list", "items": [...]}, ... `tensors` says which rows tensors get.
void WriteTypedValue(JsonWriter& json, const AttributeValue& value, const RowMap& tensors);

// {"kind": "tensor", "dtype": "float32", "dims": [1, "s0", null]}, {"kind": "list", "items": [...]}, ...
void WriteType(JsonWriter& json, const ValueType& type);

// The member "symbols": [{"name": "s0", "low": 2, "high": 16}], when there are any.
void WriteSymbols(JsonWriter& json, const Graph& graph);

}  // namespace pthview
