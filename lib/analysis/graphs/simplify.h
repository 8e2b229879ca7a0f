// Recorded graphs without what only prepares others, for drawing and reading.
//
// Gone are: constants and lists (they become attributes of the operators that take them, or inputs of several values);
// attributes fetched step by step from modules, where they end in a weight; arithmetic of sizes (its result becomes a
// text: "[s0, -1]"); comparisons of constants; dropout that does nothing (train=False or p=0), detach and its like;
// checks that only raise; a branch that never runs because its condition is a constant, or that raises; and what nothing
// uses after that. What is left computes what the whole graph does.
//
// The result is for people: an attribute that stands for computed sizes has a text and no value.
#pragma once

#include "lib/model/model.h"

namespace pthview {

// Simplifies the recorded graphs of the model, in place; inferred ones stay as they are. Rows of Model::graphs are
// numbered anew. Linear in the graphs times the depth of their bodies.
void SimplifyGraphs(Model& model);

}  // namespace pthview
