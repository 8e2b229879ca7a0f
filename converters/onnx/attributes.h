// A layer's attributes ("kernel_size" = "(3, 3)") as ONNX's.
#pragma once

#include <string_view>

#include "pthview_onnx.pb.h"

namespace pthview {

// Sets the attribute's type and value from text in Python notation: whole numbers, True and False become INT, other
// numbers FLOAT, tuples and lists of numbers INTS or FLOATS, and everything else STRING.
void SetFromPythonText(std::string_view text, pthview_onnx::AttributeProto& attribute);

}  // namespace pthview
