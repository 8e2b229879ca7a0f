// Typed attributes and types of a plug-in's answer. Indices in them are checked with the graphs (graph_check.h).
#pragma once

#include "lib/base/result.h"
#include "lib/model/model.h"
#include "protocol.pb.h"

namespace pthview::plugins {

// kCorrupt when it names an element type that there is not, or nests too deeply.
Result<AttributeValue> ReadAttributeValue(const ::pthview::plugin::v1::AttributeValue& from);
Result<ValueType> ReadType(const ::pthview::plugin::v1::Type& from);

// An attribute with its text, made from the value where the plug-in gives none.
Result<Attribute> ReadAttribute(const ::pthview::plugin::v1::Attribute& from);

}  // namespace pthview::plugins
