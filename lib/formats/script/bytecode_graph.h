// The graphs of lite-interpreter functions: what flows from operator to operator over the stack and the registers.
#pragma once

#include <span>

#include "lib/formats/script/bytecode.h"
#include "lib/model/builder.h"

namespace pthview {

// A recorded graph for each function. The stack machine is followed, never run: operators are nodes, attributes that
// are fetched step by step end in weights, branches and loops are nodes with bodies (prim::If, prim::Loop), as they
// stand in TorchScript. A function that cannot be followed (files before bytecode version 6 do not say how many
// arguments an operator takes) is its operators in order, without edges, with a finding that says so.
void AddBytecodeGraphs(std::span<const bytecode::Function> functions, bytecode::Slots& slots, Index part,
                       ModelBuilder& builder);

}  // namespace pthview
