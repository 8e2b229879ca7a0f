// Sizes as expressions of named sizes. torch writes them as SymPy prints them ("s0 + 1") or, since 2.6, as SymPy's
// srepr: "Add(Mul(Integer(2), Symbol('s77', positive=True, integer=True)), Integer(-1))".
#pragma once

#include <string>
#include <string_view>

namespace pthview {

// The expression as one would write it: "2*s77 + -1". What is of no known form stays as it is.
std::string SizeExpression(std::string_view text);

}  // namespace pthview
