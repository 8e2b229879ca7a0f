// Arguments of an exported program's nodes, as typed attributes and types of the model. A union is an object of one
// member (`as_tensor`, `as_int`, ...). Source: Argument, TensorMeta and SymInt in torch/_export/serde/schema.py.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/formats/common/json_tree.h"
#include "lib/model/model.h"

namespace pthview {

// Calls `each` with the name of every value of the graph in an argument, in order; with null for one that is absent.
void ForEachValueName(Json::Member argument, const std::function<void(Json)>& each);

// Whether an argument that names values says more than which they are: a list of numbers and names, lists of lists, a
// dict. Then it becomes an attribute beside the input.
bool HasStructure(Json::Member argument);

// An argument as a constant. Names of values in it become what `value_of` says.
AttributeValue ArgumentValue(Json::Member argument, const std::function<AttributeValue(Json name)>& value_of);

// The same in Python notation: "[1, 1]", "True", "torch.float32". A member without a key is what its value is in JSON.
std::string ArgumentText(Json::Member argument);

// "float32[1, 3, s0]", of a TensorMeta.
ValueType TensorTypeOf(Json meta);

// The type of a SymInt, SymFloat or SymBool; ValueType::name is its expression, where it has one.
ValueType SymbolTypeOf(TypeKind kind, Json symbol);

}  // namespace pthview
