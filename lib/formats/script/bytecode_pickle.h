// The lite interpreter's bytecode.pkl:
//
//   (version, (name, (("instructions", ((op, X, N), ...)), ("operators", ((name, overload [, arguments]), ...)),
//                     ("constants", (...)), ("types", (...)), ("register_size", n))
//              [, (("arguments", ((("name", ...), ("type", ...), ...), ...)), ("returns", ...))]), ...)
//
// Source: torch/csrc/jit/serialization/export_bytecode.cpp, mobile/parse_bytecode.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/formats/script/bytecode.h"
#include "lib/model/builder.h"
#include "lib/pickle/value.h"

namespace pthview::bytecode {

struct Program {
  std::optional<int64_t> version;
  std::vector<Function> functions;
  std::vector<std::string> operators;  // "aten::add.Tensor", each once, raw
};

// Rows of another form are passed over. What is made takes its share of the builder's text (TakeText); where that ends,
// the functions that are left are not read.
Program ReadPickled(const pickle::Tree& tree, ModelBuilder& builder);

// The slots of the objects in data.pkl, which may be null: in the order of their states.
std::unique_ptr<Slots> PickledSlots(const pickle::Tree* data);

}  // namespace pthview::bytecode
