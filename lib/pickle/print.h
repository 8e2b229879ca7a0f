// Values as text, in Python's notation, within a budget.
#pragma once

#include <cstddef>
#include <string>

#include "lib/pickle/value.h"

namespace pthview::pickle {

// `{'lr': 0.1, 'betas': (0.9, 0.999)}`. Stops with `...` after `budget` bytes; a container met again inside itself
// prints as `...`. Takes time and memory in proportion to the budget, however large or deep the value is. Strings are
// in escaped form (base/escape.h), with control characters escaped as in Python.
//
// What Python would have built prints as the calls that make it:
//   module.Name(1, 2, **{'key': 3})                              REDUCE, NEWOBJ, NEWOBJ_EX, OBJ, INST
//   collections.OrderedDict() + {'a': 1}                         items set or appended (` + [1, 2]`) after it was made
//   torch.nn.modules.linear.Linear() <- {'training': True}       BUILD; several in the order that they came
//   module.Name   persistent(('storage', ...))   extension(7)   buffer(0)
std::string Print(const Tree& tree, Value value, size_t budget = 4096);

// A big integer in decimal; `<integer of N bits>`, N rounded up to whole bytes, when it has more than 4096 bits.
std::string BigIntToString(Value value);

}  // namespace pthview::pickle
