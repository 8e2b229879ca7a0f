// Attributes as text where tensors, graphs and values of the graph have names.
#pragma once

#include <functional>
#include <string>

#include "lib/model/attribute_value.h"

namespace pthview {

// As AttributeText of attribute_value.h. `name_of` is asked for the text of each TensorValue, GraphReference and
// ValueReference.
std::string AttributeText(const AttributeValue& value,
                          const std::function<std::string(const AttributeValue&)>& name_of);

}  // namespace pthview
